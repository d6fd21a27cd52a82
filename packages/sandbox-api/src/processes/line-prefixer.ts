import type { StreamName } from "./output-log.ts";

const NEWLINE = 10;
const PREFIXES = { stdout: Buffer.from("stdout:"), stderr: Buffer.from("stderr:") } as const;
const LINE_BREAK = Buffer.from("\n");
const MAX_HELD_BYTES = 64 * 1024;

/**
 * Puts `stdout:` or `stderr:` before each line, once. A line that is not complete yet is held, so that lines of the two
 * streams do not cut each other; `flush` lets it go when it stays incomplete.
 */
export class LinePrefixer {
  readonly #held: Record<StreamName, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
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
    this.#held.stdout = this.#held.stderr = Buffer.alloc(0);
    return Buffer.concat([this.#release("stdout", stdout), this.#release("stderr", stderr)]);
  }

  /** Ends a begun line of the other stream, so that an unprefixed text can follow. */
  closeLine(): Buffer {
    const wasOpen = this.#open !== null;
    this.#open = null;
    return wasOpen ? LINE_BREAK : Buffer.alloc(0);
  }

  #release(stream: StreamName, bytes: Buffer): Buffer {
    if (bytes.length === 0) return bytes;
    const parts: Buffer[] = [];
    if (this.#open !== null && this.#open !== stream) parts.push(this.closeLine());
    for (let from = 0; from < bytes.length;) {
      const end = bytes.indexOf(NEWLINE, from) + 1 || bytes.length;
      if (this.#open === null) parts.push(PREFIXES[stream]);
      parts.push(bytes.subarray(from, end));
      this.#open = bytes[end - 1] === NEWLINE ? null : stream;
      from = end;
    }
    return Buffer.concat(parts);
  }
}
