import { fstatSync } from "node:fs";
import { homedir } from "node:os";
import { isatty } from "node:tty";
import type { Io } from "@dormouse/cli";

/** The world as the client commands see it, from this process. */
export function processIo(program: string, version: string): Io {
  const { stdin, stdout, stderr } = process;
  return {
    program,
    version,
    env: process.env,
    cwd: process.cwd(),
    // Not `homedir` alone: it may not follow HOME.
    home: process.env["HOME"] || homedir(),
    stdin,
    stdout,
    stderr,
    hasPipedInput: isPiped(0),
    isTty: { stdin: isatty(0), stdout: isatty(1), stderr: isatty(2) },
    // One that nobody has told its size says 0.
    terminalSize: () => (isatty(1) && stdout.columns > 0 ? { columns: stdout.columns, rows: stdout.rows } : undefined),
    onSignal: (signal, handler) => {
      process.on(signal, handler);
      return { [Symbol.dispose]: () => void process.off(signal, handler) };
    },
    // A stream may be silent for as long as it likes.
    fetch: (url, init) => fetch(url, { ...init, timeout: false } as RequestInit),
    exitCode: undefined,
  };
}

/** Terminals and `/dev/null` are character devices; a closed one is none. */
function isPiped(fd: number): boolean {
  try {
    return !fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
}

/** A reader that has seen enough, such as `head`, is no failure. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** Ends the process when what was written is out. */
export function finish(exitCode: number): void {
  process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
}
