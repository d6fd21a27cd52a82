import { refuseArchive } from "./refusal.ts";

/** The bytes of an archive, one after the other. */
export class TarBytes implements AsyncDisposable {
  readonly #chunks: AsyncIterator<Buffer> | Iterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(source: AsyncIterable<Buffer> | Iterable<Buffer>) {
    this.#chunks = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** Of the next byte. */
  get offset(): number {
    return this.#offset;
  }

  /** Exactly so many, in memory of their own. @throws {AppError} INVALID_ARGUMENT where the archive ends before */
  async take(lengthBytes: number): Promise<Buffer> {
    const taken: Buffer[] = [];
    for await (const chunk of this.upTo(this.#offset + lengthBytes)) taken.push(chunk);
    return Buffer.concat(taken);
  }

  /** Those before `endOffset` that nobody has had. @throws as `take` */
  async *upTo(endOffset: number): AsyncGenerator<Buffer> {
    while (this.#offset < endOffset) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const chunk = this.#rest.subarray(0, endOffset - this.#offset);
      this.#rest = this.#rest.subarray(chunk.length);
      this.#offset += chunk.length;
      yield chunk;
    }
  }

  /** @throws as `take` */
  async skipTo(offset: number): Promise<void> {
    const rest = this.upTo(offset);
    while ((await rest.next()).done !== true);
  }

  async #next(): Promise<Buffer> {
    const { done, value } = await this.#chunks.next();
    if (done === true) throw refuseArchive("it was cut off");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.();
  }
}
