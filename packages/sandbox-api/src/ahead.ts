import { DEFAULT_LOG_DIRECTORY } from "./config.ts";
import { openPort } from "./listen.ts";
import { type LogFolder, makeLogFolder } from "./log-directory.ts";
import type { SandboxApiOptions } from "./server.ts";

/** What an agent can have done before it knows its environment. */
export type Ahead = Pick<SandboxApiOptions, "openPort" | "logFolder">;

/** @throws the errno error of listening, `EADDRINUSE` when the port is taken. */
export function beginAhead(port: number): Ahead {
  return { openPort: openPort(port), logFolder: tryToMakeLogFolder() };
}

function tryToMakeLogFolder(): LogFolder | undefined {
  try {
    return makeLogFolder(DEFAULT_LOG_DIRECTORY);
  } catch {
    // One that cannot be made is tried again, and a place elsewhere then found.
    return undefined;
  }
}
