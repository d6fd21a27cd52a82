import { readSync, rmSync, writeSync } from "node:fs";
import type { SandboxApi } from "@dormouse/sandbox-api";

const CHUNK_BYTES = 4096;

/**
 * An agent that was started ahead of need stays here until the engine says whose it becomes: a line of JSON with all variables,
 * as `NAME=value`, which replace the ones it has. Without an engine that could say so, it ends. Returned as a plain object:
 * to read `process.env` takes a third of a millisecond.
 */
export function awaitEnvironment(readyFd: number): Readonly<Record<string, string>> {
  writeSync(readyFd, "held\n");
  const variables = JSON.parse(readLine(readyFd)) as string[];
  const env = Object.fromEntries(variables.map(splitVariable));
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  return env;
}

function splitVariable(variable: string): [string, string] {
  const nameEnd = variable.indexOf("=");
  return [variable.slice(0, nameEnd), variable.slice(nameEnd + 1)];
}

/** Of the sandbox's memory, and gone before the sandbox is anyone's. */
const REHEARSAL_DIR = "/dev/shm/sandbox-api-rehearsal";
export const REHEARSAL_ENVIRONMENT = { PATH: "/usr/bin:/bin", SANDBOX_LOG_DIR: REHEARSAL_DIR };

/** After the first the code is loaded; what is compiled after two more is worth its memory (decision 0020). */
const REHEARSAL_COUNT = 3;

/** Starts the API and runs a command by it, so that its code is loaded and compiled when it counts, and no garbage is collected then. */
export async function rehearse(start: () => SandboxApi): Promise<void> {
  try {
    for (let round = 0; round < REHEARSAL_COUNT; round += 1) await rehearseOnce(start);
  } catch {
    // An image that cannot run the command starts as well without.
  } finally {
    rmSync(REHEARSAL_DIR, { recursive: true, force: true });
    Bun.gc(true);
  }
}

async function rehearseOnce(start: () => SandboxApi): Promise<void> {
  await using api = start();
  const body = JSON.stringify({ command: "true", waitForCompletion: true });
  const answer = await fetch(`http://127.0.0.1:${api.port}/process`, { method: "POST", body });
  await answer.arrayBuffer();
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
