import { closeSync, constants, openSync } from "node:fs";

const SUSPEND_OUTPUT = 0;
const RESUME_OUTPUT = 1;

type Tcflow = (fd: number, action: number) => number;

let tcflow: Promise<Tcflow | null> | undefined;

/**
 * Makes programs that write to the terminal device at `path` wait, or go on. The runtime reads a terminal without being asked to,
 * so this is the only place where they can be held. They go on unheld where the system cannot do it.
 */
export async function setFlowing(path: string, isFlowing: () => boolean): Promise<void> {
  tcflow ??= loadTcflow();
  const call = await tcflow;
  if (call === null) return;
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    call(fd, isFlowing() ? RESUME_OUTPUT : SUSPEND_OUTPUT);
    closeSync(fd);
  } catch {
    // The terminal is gone, and its programs with it.
  }
}

/** Loaded on first use: most terminals never meet a viewer that cannot keep up. */
async function loadTcflow(): Promise<Tcflow | null> {
  try {
    const { dlopen } = await import("bun:ffi");
    return dlopen("libc.so.6", { tcflow: { args: ["int", "int"], returns: "int" } }).symbols.tcflow;
  } catch {
    return null;
  }
}
