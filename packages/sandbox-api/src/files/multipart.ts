import { AppError } from "@dormouse/kernel";

/** One part of a multipart body. Its content has to be consumed, or skipped, before the next part is asked for. */
export interface Part {
  readonly name: string;
  /** Null for a plain field. */
  readonly fileName: string | null;
  readonly content: AsyncIterable<Uint8Array>;
}

const CRLF = "\r\n";
const CR = 13;
const MAX_HEADER_BYTES = 16 * 1024;

/** The boundary of a `multipart/form-data` content type, empty when it names none; null for other types. */
export function multipartBoundary(contentType: string | null): string | null {
  if (contentType === null || !/^multipart\/form-data\s*(;|$)/i.test(contentType)) return null;
  const match = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType);
  return match?.[1] ?? match?.[2] ?? "";
}

/**
 * The parts of a multipart body in their order, in memory only as far as they have been read from the network.
 * @throws {AppError} INVALID_ARGUMENT when the body is malformed or ends early.
 */
export async function* readParts(body: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<Part> {
  if (boundary === "") throw malformed("no boundary in the content type");
  const reader = new DelimitedReader(body);
  const delimiter = Buffer.from(`${CRLF}--${boundary}`);
  await skip(reader.until(delimiter));
  while ((await reader.take(2)) === CRLF) {
    const headers = await readHeaders(reader);
    const content = reader.until(delimiter);
    yield { ...parseDisposition(headers), content };
    await skip(content);
  }
}

/** Collects a small field. @throws {AppError} INVALID_ARGUMENT above `maxBytes`. */
export async function readField(content: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of content) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw malformed(`a field is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Reads a byte stream up to delimiters, wherever its chunks are cut. */
class DelimitedReader {
  readonly #source: AsyncIterator<Uint8Array>;
  /** A body begins with a delimiter that lacks the line break all later ones have. */
  #buffer: Buffer = Buffer.from(CRLF);

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#source = body[Symbol.asyncIterator]();
  }

  /** Everything before the next `delimiter`, which is consumed too. */
  async *until(delimiter: Buffer): AsyncGenerator<Uint8Array> {
    for (;;) {
      const index = this.#buffer.indexOf(delimiter);
      if (index >= 0) {
        const found = this.#buffer.subarray(0, index);
        this.#buffer = this.#buffer.subarray(index + delimiter.length);
        if (found.length > 0) yield found;
        return;
      }
      const safeBytes = this.#buffer.length - beginningAtEnd(this.#buffer, delimiter);
      const safe = this.#buffer.subarray(0, safeBytes);
      this.#buffer = this.#buffer.subarray(safeBytes);
      if (safe.length > 0) yield safe;
      await this.#readMore();
    }
  }

  /** The next `count` bytes. */
  async take(count: number): Promise<string> {
    while (this.#buffer.length < count) await this.#readMore();
    const taken = this.#buffer.toString("latin1", 0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  async #readMore(): Promise<void> {
    const { value, done } = await this.#source.next();
    if (done === true) throw malformed("unexpected EOF");
    this.#buffer =
      this.#buffer.length === 0
        ? Buffer.from(value.buffer, value.byteOffset, value.length)
        : Buffer.concat([this.#buffer, value]);
  }
}

/**
 * How many bytes at the end of `buffer` may be the beginning of `delimiter`, which starts with the only CR in it. Nearly always
 * none, so nearly every chunk passes as it came, without a copy.
 */
function beginningAtEnd(buffer: Buffer, delimiter: Buffer): number {
  let at = buffer.indexOf(CR, Math.max(0, buffer.length - delimiter.length + 1));
  while (at >= 0 && !delimiter.subarray(0, buffer.length - at).equals(buffer.subarray(at))) {
    at = buffer.indexOf(CR, at + 1);
  }
  return at < 0 ? 0 : buffer.length - at;
}

async function readHeaders(reader: DelimitedReader): Promise<string> {
  let headers = CRLF;
  while (!headers.endsWith(CRLF + CRLF)) {
    if (headers.length > MAX_HEADER_BYTES) throw malformed("part headers are too long");
    headers += await reader.take(1);
  }
  return Buffer.from(headers, "latin1").toString();
}

function parseDisposition(headers: string): { name: string; fileName: string | null } {
  const disposition = /\r\ncontent-disposition:([^\r]*)/i.exec(headers)?.[1] ?? "";
  const parameter = (name: string) =>
    new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;]+))`, "i").exec(disposition);
  const name = parameter("name");
  const fileName = parameter("filename");
  return { name: name?.[1] ?? name?.[2] ?? "", fileName: fileName?.[1] ?? fileName?.[2] ?? null };
}

async function skip(content: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = content[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

const malformed = (reason: string): AppError => new AppError("INVALID_ARGUMENT", `invalid multipart form: ${reason}`);
