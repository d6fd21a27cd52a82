import { AppError } from "@dormouse/kernel";

/*
 * A stream of bytes with a line of JSON before it: what belongs to an upload but is too long, or too secret, for its address or a header.
 */

/** What both of the runtime's kinds of readers do. */
interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason: unknown): Promise<void>;
}

const HEAD_MAX_BYTES = 1024 * 1024;
const LINE_BREAK = 0x0a;

export function withHead(head: object, body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      start: (controller) => controller.enqueue(line),
    }),
  );
}

export interface HeadedStream {
  readonly head: unknown;
  readonly body: ReadableStream<Uint8Array>;
}

/** @throws INVALID_ARGUMENT when there is no such line */
export async function splitHead(stream: ReadableStream<Uint8Array>): Promise<HeadedStream> {
  const reader = stream.getReader();
  let read = Buffer.alloc(0);
  for (;;) {
    const end = read.indexOf(LINE_BREAK);
    if (end >= 0) return { head: parse(read.subarray(0, end)), body: restOf(read.subarray(end + 1), reader) };
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new AppError("INVALID_ARGUMENT", "Cannot read the request: it was cut off", { cause });
    });
    if (done || read.length > HEAD_MAX_BYTES) throw invalid();
    read = Buffer.concat([read, value]);
  }
}

function restOf(first: Uint8Array, reader: Reader): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      if (first.length > 0) controller.enqueue(first);
    },
    pull: async (controller) => {
      const { done, value } = await reader.read();
      if (done || value === undefined) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString("utf8"));
  } catch {
    throw invalid();
  }
}

const invalid = (): AppError =>
  new AppError("INVALID_ARGUMENT", "Cannot read the request: it does not begin with a line of JSON");
