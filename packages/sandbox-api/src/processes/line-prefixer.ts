import type { StreamName } from "./output-log.ts";

const NEWLINE = 10;
const PREFIXES = { stdout: "stdout:", stderr: "stderr:" } as const;
const LINE_BREAK = Buffer.from("\n");
const NOTHING = Buffer.alloc(0);
const MAX_HELD_BYTES = 64 * 1024;

/**
 * Puts `stdout:` or `stderr:` before each line, once. A line that is not complete yet is held, so that lines of the two
 * streams do not cut each other; `flush` lets it go when it stays incomplete.
 */
export class LinePrefixer {
  readonly #held: Record<StreamName, Buffer> = { stdout: NOTHING, stderr: NOTHING };
  /** Stream whose line was begun and not ended. */
  #open: StreamName | null = null;

  /** True when some line is held back. */
  get isHolding(): boolean {
    return this.#held.stdout.length + this.#held.stderr.length > 0;
  }

  push(stream: StreamName, bytes: Uint8Array): Buffer {
    const all = Buffer.concat([this.#held[stream], bytes]);
    const completeBytes = all.lastIndexOf(NEWLINE) + 1;
    const isTooLong = all.length - completeBytes > MAX_HELD_BYTES;
    const releasedBytes = isTooLong ? all.length : completeBytes;
    this.#held[stream] = all.subarray(releasedBytes);
    return this.#release(stream, all.subarray(0, releasedBytes));
  }

  /** What is held, as begun lines: their rest follows without another prefix. */
  flush(): Buffer {
    const { stdout, stderr } = this.#held;
    this.#held.stdout = this.#held.stderr = NOTHING;
    return Buffer.concat([this.#release("stdout", stdout), this.#release("stderr", stderr)]);
  }

  /** Ends a begun line of the other stream, so that an unprefixed text can follow. */
  closeLine(): Buffer {
    const wasOpen = this.#open !== null;
    this.#open = null;
    return wasOpen ? LINE_BREAK : NOTHING;
  }

  #release(stream: StreamName, bytes: Buffer): Buffer {
    if (bytes.length === 0) return bytes;
    const isOtherOpen = this.#open !== null && this.#open !== stream;
    const start = isOtherOpen ? this.closeLine() : NOTHING;
    const firstPrefix = this.#open === null ? PREFIXES[stream] : "";
    this.#open = bytes.at(-1) === NEWLINE ? null : stream;
    // One character for each byte, so that the lines are found and joined by the runtime.
    const lines = bytes.toString("latin1", 0, bytes.length - 1).replaceAll("\n", `\n${PREFIXES[stream]}`);
    return Buffer.concat([start, Buffer.from(firstPrefix + lines, "latin1"), bytes.subarray(-1)]);
  }
}
