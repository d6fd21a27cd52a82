import { toAppError } from "@dormouse/kernel";
import type { TerminalServerFrame } from "@dormouse/schema";
import type { Socket, SocketSession } from "../web-socket.ts";
import { afterAwake } from "./awake-timer.ts";
import { boundedSize, type TerminalSize } from "./terminal-request.ts";

/** The terminal a viewer looks at. */
export interface ViewedTerminal {
  /** Bytes typed that no program has read yet. */
  readonly unreadBytes: number;
  write(input: string): void;
  resize(size: TerminalSize): void;
  /** Who is behind, or that one is no more, has changed. */
  pace(): void;
  detach(viewer: Viewer): void;
}

export const CLOSE_CODE = { ended: 1000, goingAway: 1001, failed: 1011, tooSlow: 1013 } as const;

/** Output on its way to a viewer from which on the programs wait for it. */
const BEHIND_BYTES = 1024 * 1024;
/** Where programs cannot be made to wait, a viewer this much behind is let go. */
const MAX_BEHIND_BYTES = 8 * 1024 * 1024;
/** How long the last output waits to be taken after its terminal has ended. */
const MAX_FAREWELL_MS = 60_000;
/** Input that may wait for a program before more is refused; one frame beyond it still arrives whole. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

/** One WebSocket on a terminal. */
export class Viewer implements SocketSession {
  readonly #join: (viewer: Viewer) => ViewedTerminal;
  #terminal: ViewedTerminal | null = null;
  #socket: Socket | null = null;
  #isBehind = false;
  #letGoTimer: Disposable | null = null;
  #farewell: readonly [code: number, reason: string] | null = null;
  #farewellTimer: Disposable | null = null;

  /** `join` is called when the socket is open; what it throws is shown to the client. */
  constructor(join: (viewer: Viewer) => ViewedTerminal) {
    this.#join = join;
  }

  /** True while it has more than 1 MiB of output still to take. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  opened(socket: Socket): void {
    this.#socket = socket;
    try {
      this.#terminal = this.#join(this);
    } catch (error) {
      this.#fail(toAppError(error).message, CLOSE_CODE.failed);
    }
  }

  received(message: string | Buffer): void {
    const frame = parseFrame(message.toString());
    if (this.#terminal === null || frame === null) return;
    if (frame["type"] === "input" && typeof frame["data"] === "string") this.#type(this.#terminal, frame["data"]);
    const size = frame["type"] === "resize" ? boundedSize(frame["cols"], frame["rows"]) : null;
    if (size !== null) this.#terminal.resize(size);
  }

  drained(): void {
    this.#isBehind = this.#bufferedBytes > BEHIND_BYTES;
    this.#terminal?.pace();
    if (this.#farewell !== null && this.#bufferedBytes === 0) this.close(...this.#farewell);
  }

  closed(): void {
    this.keep();
    this.#farewellTimer?.[Symbol.dispose]();
    this.#terminal?.detach(this);
    this.#terminal = null;
    this.#socket = null;
  }

  /** Sends a frame that is already JSON. */
  send(frame: string): void {
    this.#socket?.sendText(frame);
    const bufferedBytes = this.#bufferedBytes;
    this.#isBehind ||= bufferedBytes > BEHIND_BYTES;
    if (bufferedBytes > MAX_BEHIND_BYTES) this.close(CLOSE_CODE.tooSlow, "too slow for this much output");
  }

  /** Unless told otherwise it is let go after `delayMs` awake, and can come back to a replay. Later calls change nothing. */
  letGoAfter(delayMs: number): void {
    this.#letGoTimer ??= afterAwake(delayMs, () => this.close(CLOSE_CODE.tooSlow, "too slow, others wait"));
  }

  keep(): void {
    this.#letGoTimer?.[Symbol.dispose]();
    this.#letGoTimer = null;
  }

  /** Closes once everything sent before has been taken, or has not been for too long. */
  finish(code: number, reason: string): void {
    if (this.#bufferedBytes === 0) return this.close(code, reason);
    this.#farewell = [code, reason];
    this.#farewellTimer = afterAwake(MAX_FAREWELL_MS, () => this.close(code, reason));
  }

  /** What is still on its way gets lost unless it is taken within seconds: so long the runtime keeps a closed socket. */
  close(code: number, reason: string): void {
    this.#socket?.close(code, reason);
  }

  get #bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  #type(terminal: ViewedTerminal, input: string): void {
    if (terminal.unreadBytes <= MAX_UNREAD_BYTES) return terminal.write(input);
    this.#fail("Cannot type ahead: the program has not read what was typed before", CLOSE_CODE.tooSlow);
  }

  #fail(text: string, code: number): void {
    this.send(toFrame("error", text));
    this.close(code, "");
  }
}

/** One text frame to a client. */
export const toFrame = (type: "output" | "error", data: string): string =>
  JSON.stringify({ type, data } satisfies TerminalServerFrame);

export const exitFrame = (code: number): string => JSON.stringify({ type: "exit", code } satisfies TerminalServerFrame);

function parseFrame(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === "object" && frame !== null ? (frame as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
