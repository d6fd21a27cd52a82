import { closeSync, openSync, readSync, writeSync } from "node:fs";

export interface BuildLogOptions {
  readonly file: string;
  readonly maxBytes: number;
  /** Values that are never written. */
  readonly hidden: readonly string[];
}

const TAIL_LINE_COUNT = 30;
const LINE_MAX_CHARACTERS = 16_384;
/** Shorter ones say nothing, and hiding them would spoil the text. */
const HIDDEN_MIN_CHARACTERS = 4;
const CHUNK_BYTES = 64 * 1024;

/** The log of one build while it runs: lines `<RFC 3339 time> <text>` in a file that followers read along. */
export class BuildLog implements Disposable {
  readonly #options: BuildLogOptions;
  readonly #fd: number;
  readonly #decoder = new TextDecoder();
  readonly #tail: string[] = [];
  #rest = "";
  #sizeBytes = 0;
  #isFull = false;
  #isEnded = false;
  #news = Promise.withResolvers<void>();

  constructor(options: BuildLogOptions) {
    const hidden = options.hidden.flatMap((value) => value.split("\n"));
    const worthIt = hidden.map((value) => value.trim()).filter((value) => value.length >= HIDDEN_MIN_CHARACTERS);
    this.#options = { ...options, hidden: worthIt.toSorted((one, other) => other.length - one.length) };
    this.#fd = openSync(options.file, "w", 0o600);
  }

  /** The last lines, without their times: also those the file had no room for. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Settles with the next line or the end. */
  get news(): Promise<void> {
    return this.#news.promise;
  }

  /** Output as it comes; what follows the last line break waits for more. */
  write(output: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(output, { stream: true })).split("\n");
    this.#rest = (lines.pop() ?? "").slice(-LINE_MAX_CHARACTERS);
    for (const line of lines) this.line(line);
  }

  line(text: string): void {
    /* What a carriage return has overwritten is gone for a reader of lines. */
    const shown = text.replace(/\r+$/, "").split("\r").at(-1) ?? "";
    const clean = this.#options.hidden.reduce((line, value) => line.replaceAll(value, "***"), shown);
    this.#tail.push(clean.slice(0, LINE_MAX_CHARACTERS));
    if (this.#tail.length > TAIL_LINE_COUNT) this.#tail.shift();
    this.#append(`${new Date().toISOString()} ${clean.slice(0, LINE_MAX_CHARACTERS)}\n`);
  }

  #append(line: string): void {
    if (this.#isFull || this.#isEnded) return;
    const sizeBytes = Buffer.byteLength(line);
    this.#isFull = this.#sizeBytes + sizeBytes > this.#options.maxBytes;
    const limit = `${new Date().toISOString()} The rest is left out: the log has ${this.#options.maxBytes} bytes\n`;
    writeSync(this.#fd, this.#isFull ? limit : line);
    this.#sizeBytes += sizeBytes;
    this.#tell();
  }

  #tell(): void {
    const told = this.#news;
    this.#news = Promise.withResolvers();
    told.resolve();
  }

  [Symbol.dispose](): void {
    if (this.#isEnded) return;
    if (this.#rest !== "") this.line(this.#rest);
    this.#isEnded = true;
    closeSync(this.#fd);
    this.#tell();
  }
}

/** The bytes of a log file from `fromByte` on; while `log` still grows, what is added too, until its end. */
export function readLog(file: string, fromByte: number, log?: BuildLog): ReadableStream<Uint8Array> {
  const chunks = readAlong(file, fromByte, log);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    /* One that waits ends with the build. */
    cancel: () => void chunks.return(undefined),
  });
}

async function* readAlong(file: string, fromByte: number, log: BuildLog | undefined): AsyncGenerator<Uint8Array> {
  const fd = openSync(file, "r");
  try {
    for (let offset = fromByte; ;) {
      const { news, isEnded } = log ?? { news: undefined, isEnded: true };
      const chunk = new Uint8Array(CHUNK_BYTES);
      const sizeBytes = readSync(fd, chunk, 0, CHUNK_BYTES, offset);
      offset += sizeBytes;
      if (sizeBytes > 0) yield chunk.subarray(0, sizeBytes);
      else if (isEnded) return;
      else await news;
    }
  } finally {
    closeSync(fd);
  }
}
