import type { Readable } from "node:stream";
import type { Fetch } from "@dormouse/sdk";

/** What a command line has of the world around it. */
export interface Io {
  /** What it was called as, for hints: `bl`, `blaxel` or `dormouse`. */
  readonly program: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** True when stdin is something else than a terminal or nothing. */
  readonly hasPipedInput: boolean;
  readonly isTty: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** Size of the terminal behind stdout; undefined where there is none. */
  terminalSize(): TerminalSize | undefined;
  /** Calls `handler` instead of what the signal does by itself, until disposed. */
  onSignal(signal: "SIGINT" | "SIGTERM" | "SIGWINCH", handler: () => void): Disposable;
  readonly fetch: Fetch;
  /** What the process is to end with, once a command has run. */
  exitCode: number | undefined;
}

export type Input = Readable & { setRawMode?: (isRaw: boolean) => unknown };

export interface Output {
  /** False asks to wait for `drain`. */
  write(text: string | Uint8Array): unknown;
  once?(event: "drain", listener: () => void): unknown;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}
