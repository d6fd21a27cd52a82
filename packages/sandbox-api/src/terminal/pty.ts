import { readlinkSync } from "node:fs";
import { constants } from "node:os";
import { systemErrorText } from "../http.ts";
import { withWorkloadScore } from "../processes/oom-score.ts";
import { setFlowing } from "./flow-control.ts";
import { cannotOpen, type Shell } from "./shell.ts";
import type { TerminalSize } from "./terminal-request.ts";

export interface PtyEvents {
  output(bytes: Uint8Array): void;
  /** The shell has ended; what it left running may still write. After a signal the code is 128 and its number. */
  exited(exitCode: number): void;
}

/** A shell on a terminal of its own, whose session it leads. */
export class Pty {
  readonly sessionId: number;
  /** Resolves when nothing has the terminal open any more, and all output has been handed on. */
  readonly hungUp: Promise<void>;
  readonly #terminal: Bun.Terminal;
  readonly #devicePath: string;
  #size: TerminalSize;
  #unreadBytes = 0;
  #isFlowing = true;

  /** @throws {AppError} UNPROCESSABLE when it cannot be started. */
  constructor(shell: Shell, size: TerminalSize, events: PtyEvents) {
    const hungUp = Promise.withResolvers<void>();
    const terminal = {
      ...size,
      data: (_terminal: Bun.Terminal, bytes: Uint8Array) => events.output(bytes),
      drain: () => {
        this.#unreadBytes = 0;
      },
      exit: () => hungUp.resolve(),
    };
    const child = spawnOn(terminal, shell, events);
    this.sessionId = child.pid;
    this.#terminal = child.terminal;
    this.#devicePath = deviceOf(child.pid);
    this.#size = size;
    this.hungUp = hungUp.promise;
  }

  /** Input that waits for the programs to read it, at most; it is all delivered in the end. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  write(input: string): void {
    if (this.#terminal.closed || input === "") return;
    this.#unreadBytes += Buffer.byteLength(input);
    this.#terminal.write(input);
  }

  resize(size: TerminalSize): void {
    if (this.#terminal.closed || (size.cols === this.#size.cols && size.rows === this.#size.rows)) return;
    this.#size = size;
    this.#terminal.resize(size.cols, size.rows);
  }

  /** False makes programs wait as soon as they write. */
  setFlowing(isFlowing: boolean): void {
    if (isFlowing === this.#isFlowing) return;
    this.#isFlowing = isFlowing;
    void setFlowing(this.#devicePath, () => this.#isFlowing);
  }

  close(): void {
    this.#terminal.close();
  }
}

function spawnOn(terminal: Bun.TerminalOptions, shell: Shell, events: PtyEvents) {
  const onExit = (_child: unknown, exitCode: number | null, signal: number | string | null): void =>
    events.exited(exitCode ?? 128 + signalNumber(signal));
  const options = { cwd: shell.directory, env: shell.env, terminal, onExit };
  try {
    const child = withWorkloadScore(() => Bun.spawn([shell.path], options));
    if (child.terminal === undefined) throw new Error("it has no terminal");
    return { pid: child.pid, terminal: child.terminal };
  } catch (cause) {
    throw cannotOpen(`could not start "${shell.path}" (${systemErrorText(cause)})`, cause);
  }
}

const signalNumber = (signal: number | string | null): number =>
  typeof signal === "string" ? constants.signals[signal as NodeJS.Signals] : (signal ?? 0);

/** Read at once: later the shell may have its input elsewhere. Empty when it has already ended. */
function deviceOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    return "";
  }
}
