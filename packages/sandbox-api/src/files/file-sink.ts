import { writev } from "node:fs";
import type { FilePosition } from "./descriptor-io.ts";

const MAX_QUEUED_BYTES = 1024 * 1024;

/**
 * Writes what arrives to one stretch of a file, on another thread: a slow disk must not stop the agent from answering. Chunks
 * that come while others are written go out together. The descriptor stays open until `flush` has settled.
 */
export class FileSink {
  readonly #start: FilePosition;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #writtenBytes = 0;
  #writing: Promise<void> | null = null;
  #failure: unknown = null;

  constructor(start: FilePosition) {
    this.#start = start;
  }

  /** Takes over `chunk`; waits when more is queued than written. @throws the errno error of an earlier chunk, too. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#writing ??= this.#drain();
    if (this.#queuedBytes > MAX_QUEUED_BYTES) await this.flush();
  }

  /** Resolves when everything taken over is written. @throws the errno error that prevented it. */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#failure !== null) throw this.#failure;
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) await this.#writeBatch();
    } catch (error) {
      this.#failure = error;
    }
    this.#writing = null;
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#queue;
    const batchBytes = this.#queuedBytes;
    this.#queue = [];
    this.#queuedBytes = 0;
    const { fd, offsetBytes } = this.#start;
    const done = await writeSome({ fd, offsetBytes: offsetBytes + this.#writtenBytes }, batch);
    this.#writtenBytes += done;
    if (done === batchBytes) return;
    this.#queue = [Buffer.concat(batch).subarray(done), ...this.#queue];
    this.#queuedBytes += batchBytes - done;
  }
}

function writeSome({ fd, offsetBytes }: FilePosition, chunks: Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, chunks, offsetBytes, (error, writtenBytes) => (error === null ? resolve(writtenBytes) : reject(error)));
  });
}
