import { readSync, writeSync } from "node:fs";

const CHUNK_BYTES = 64 * 1024;

/**
 * An agent that was started ahead of need stays here until the engine says whose it becomes: a line of JSON with all variables,
 * as `NAME=value`, which replace the ones it has. Without an engine that could say so, it ends.
 */
export function awaitEnvironment(readyFd: number): void {
  writeSync(readyFd, "held\n");
  const variables = JSON.parse(readLine(readyFd)) as string[];
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const variable of variables) {
    const nameEnd = variable.indexOf("=");
    process.env[variable.slice(0, nameEnd)] = variable.slice(nameEnd + 1);
  }
}

function readLine(fd: number): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const lengthBytes = readSync(fd, chunk);
    if (lengthBytes === 0) process.exit(0);
    chunks.push(chunk.subarray(0, lengthBytes));
    if (chunk[lengthBytes - 1] === NEWLINE) return Buffer.concat(chunks).toString();
  }
}

const NEWLINE = 10;
