import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** Whole lines of a file, or a piece of a line that is longer than a block. */
export interface TextBlock {
  /** Without the line end of the last line; bytes that are no UTF-8 are U+FFFD. */
  readonly text: string;
  /** Number of the first line, from 1. */
  readonly line: number;
  /** Bytes of the first line that came in blocks before: not 0 only within a line longer than a block. */
  readonly columnBytes: number;
}

/** Most a block holds. */
export const MAX_BLOCK_BYTES = 256 * 1024;
/** A file with a NUL among its first bytes is not text. UTF-16 counts as binary for that reason. */
const BINARY_PROBE_BYTES = 8 * 1024;
const LINE_FEED = 10;
/** A name may have become a link or a pipe since it was listed: neither may be followed or waited for. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const MAX_SPARE_BUFFERS = 8;
const spareBuffers: Buffer[] = [];

/**
 * A file in blocks of at most `blockBytes`, so that one of any size costs the same memory. Nothing for a binary file; what
 * cannot be opened or read ends it. Ends when the signal aborts.
 */
export async function* textBlocks(
  path: string,
  signal: AbortSignal,
  blockBytes = MAX_BLOCK_BYTES,
): AsyncGenerator<TextBlock, void, undefined> {
  const file = await open(path, OPEN_FLAGS).catch(() => null);
  if (file === null) return;
  const buffer = spareBuffers.pop() ?? Buffer.allocUnsafe(MAX_BLOCK_BYTES);
  try {
    yield* blocksOf(file, buffer.subarray(0, blockBytes), signal);
  } finally {
    if (spareBuffers.length < MAX_SPARE_BUFFERS) spareBuffers.push(buffer);
    await file.close();
  }
}

async function* blocksOf(file: FileHandle, buffer: Buffer, signal: AbortSignal): AsyncGenerator<TextBlock> {
  let filled = await readInto(file, buffer, 0);
  if (buffer.subarray(0, Math.min(filled, BINARY_PROBE_BYTES)).includes(0)) return;
  let line = 1;
  let columnBytes = 0;
  while (filled > 0 && !signal.aborted) {
    const lastLineEnd = buffer.subarray(0, filled).lastIndexOf(LINE_FEED);
    // The rest of the file is read before a last line without its end is taken for whole.
    const read = lastLineEnd < 0 && filled < buffer.length ? await readInto(file, buffer, filled) : 0;
    filled += read;
    if (read > 0) continue;
    const end = lastLineEnd < 0 ? filled : lastLineEnd;
    yield { text: buffer.toString("utf8", 0, end), line, columnBytes };
    const isWholeLines = lastLineEnd >= 0;
    line += isWholeLines ? countLineEnds(buffer, lastLineEnd + 1) : 0;
    columnBytes = isWholeLines ? 0 : columnBytes + end;
    const rest = isWholeLines ? lastLineEnd + 1 : end;
    buffer.copyWithin(0, rest, filled);
    filled -= rest;
    filled += await readInto(file, buffer, filled);
  }
}

/** 0 at the end of the file, and where it cannot be read on. */
async function readInto(file: FileHandle, buffer: Buffer, offset: number): Promise<number> {
  if (offset === buffer.length) return 0;
  const { bytesRead } = await file.read(buffer, offset, buffer.length - offset, null).catch(() => ({ bytesRead: 0 }));
  return bytesRead;
}

function countLineEnds(buffer: Buffer, end: number): number {
  let count = 0;
  for (let index = 0; index < end; index++) if (buffer[index] === LINE_FEED) count += 1;
  return count;
}
