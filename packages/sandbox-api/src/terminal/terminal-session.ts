import { orTimeout } from "../timers.ts";
import { afterAwake } from "./awake-timer.ts";
import { Pty } from "./pty.ts";
import { Replay } from "./replay.ts";
import { killSession } from "./session-processes.ts";
import { cannotOpen, type Shell } from "./shell.ts";
import type { TerminalSize } from "./terminal-request.ts";
import { CLOSE_CODE, exitFrame, toFrame, type ViewedTerminal, type Viewer } from "./viewer.ts";

/** How long output is awaited from a terminal that a daemon, in a session of its own, still has open. */
const MAX_DRAIN_MS = 500;
const MAX_VIEWERS = 16;

/** Both count while the sandbox is awake. */
export interface Patience {
  /** How long a terminal stays without viewers. */
  readonly idleMs: number;
  /** How long one viewer may keep the others waiting. */
  readonly holdUpMs: number;
}

/** One shell on a terminal, and everyone who looks at it. It outlives them for a while, and ends with its shell. */
export class TerminalSession implements ViewedTerminal {
  /** Resolves when its processes are gone and its viewers have been told. */
  readonly ended: Promise<void>;
  readonly #ended = Promise.withResolvers<void>();
  readonly #pty: Pty;
  readonly #patience: Patience;
  readonly #replay = new Replay();
  readonly #decoder = new TextDecoder();
  readonly #viewers = new Set<Viewer>();
  #idleTimer: Disposable | null = null;
  #isEnding = false;

  /** @throws {AppError} UNPROCESSABLE when the shell cannot be started. */
  constructor(shell: Shell, size: TerminalSize, patience: Patience) {
    this.ended = this.#ended.promise;
    this.#patience = patience;
    this.#pty = new Pty(shell, size, {
      output: (bytes) => this.#show(this.#decoder.decode(bytes, { stream: true })),
      exited: (exitCode) => this.end("the shell has ended", exitCode),
    });
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  get unreadBytes(): number {
    return this.#pty.unreadBytes;
  }

  /** Shows the end of the output so far, then all that follows. @throws {AppError} UNPROCESSABLE when too many look already. */
  attach(viewer: Viewer, size: TerminalSize): void {
    if (this.#viewers.size >= MAX_VIEWERS) throw cannotOpen(`${MAX_VIEWERS} others look at this one already`);
    this.#idleTimer?.[Symbol.dispose]();
    const replay = this.#replay.read();
    if (replay !== "") viewer.send(toFrame("output", replay));
    this.#viewers.add(viewer);
    this.pace();
    this.resize(size);
  }

  detach(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    this.pace();
    if (this.#viewers.size > 0 || this.#isEnding) return;
    this.#idleTimer = afterAwake(this.#patience.idleMs, () => this.end("nobody looked"));
  }

  write(input: string): void {
    this.#pty.write(input);
  }

  resize(size: TerminalSize): void {
    this.#pty.resize(size);
  }

  /** Sends all viewers away, without waiting for what they have not taken yet. */
  dismiss(code: number, reason: string): void {
    for (const viewer of this.#viewers) viewer.close(code, reason);
  }

  /** Programs wait for the slowest viewer; a viewer that makes others wait is let go after a while. */
  pace(): void {
    const viewers = [...this.#viewers];
    const isAnyBehind = viewers.some((viewer) => viewer.isBehind);
    const isAnyWaiting = viewers.some((viewer) => !viewer.isBehind);
    for (const viewer of viewers) {
      if (viewer.isBehind && isAnyWaiting) viewer.letGoAfter(this.#patience.holdUpMs);
      else viewer.keep();
    }
    this.#pty.setFlowing(!isAnyBehind || this.#isEnding);
  }

  /**
   * Kills what is left of it, and closes its viewers once they have taken everything. They are told the shell's exit code, if
   * that is why. Idempotent.
   */
  end(reason: string, exitCode?: number): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#idleTimer?.[Symbol.dispose]();
    this.pace();
    void this.#finish(reason, exitCode).finally(() => this.#ended.resolve());
  }

  async #finish(reason: string, exitCode: number | undefined): Promise<void> {
    await killSession(this.#pty.sessionId);
    await orTimeout(this.#pty.hungUp, MAX_DRAIN_MS);
    this.#show(this.#decoder.decode());
    for (const viewer of this.#viewers) {
      if (exitCode !== undefined) viewer.send(exitFrame(exitCode));
      viewer.finish(CLOSE_CODE.ended, reason);
    }
    this.#pty.close();
  }

  #show(text: string): void {
    if (text === "") return;
    this.#replay.push(text);
    const frame = toFrame("output", text);
    for (const viewer of this.#viewers) viewer.send(frame);
    this.pace();
  }
}
