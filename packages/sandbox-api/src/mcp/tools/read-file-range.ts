import { AppError } from "@dormouse/kernel";
import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import type { FilePath } from "../../files/paths.ts";

export const MAX_RANGE_LINES = 250;
/** Lines may be long; so much of them is a message. */
const MAX_RANGE_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 10;

/** One-based, both included. */
export interface LineRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The text of some lines, without the last line's end; the file may have any size. As with editors, what follows the last newline is
 * a line too. @throws {AppError} INVALID_ARGUMENT for a range that is none or lies outside the file, TOO_LARGE, UNPROCESSABLE.
 */
export async function readFileRange(path: FilePath, range: LineRange, signal: AbortSignal): Promise<string> {
  requireRange(range);
  if (!statSync(path.absolute).isFile()) throw new AppError("UNPROCESSABLE", `${path.shown} is not a regular file`);
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let line = 1;
  for await (const chunk of readChunks(path.absolute, signal)) {
    const { piece, lineAfter } = cut(chunk, line, range);
    line = lineAfter;
    keptBytes += piece.length;
    if (keptBytes > MAX_RANGE_BYTES) throw tooLong(range);
    if (piece.length > 0) kept.push(Buffer.from(piece));
    if (line > range.last) break;
  }
  if (line < range.last) throw outside(path, range, line);
  const text = Buffer.concat(kept).toString("utf8");
  return line > range.last ? text.slice(0, -1) : text;
}

/** What of `chunk`, which begins on line `line`, belongs to the range, and the line that it ends on. */
function cut(chunk: Buffer, line: number, range: LineRange): { piece: Buffer; lineAfter: number } {
  let from = line >= range.first ? 0 : chunk.length;
  let current = line;
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) {
    current += 1;
    if (current === range.first) from = at + 1;
    if (current > range.last) return { piece: chunk.subarray(from, at + 1), lineAfter: current };
  }
  return { piece: chunk.subarray(from), lineAfter: current };
}

/** Each chunk is valid until the next one is asked for. */
async function* readChunks(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  await using file = await open(path);
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read({ buffer });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function requireRange({ first, last }: LineRange): void {
  if (first < 1) throw invalid(`the first line is 1, not ${first}`);
  if (last < first) throw invalid(`line ${last} comes before line ${first}`);
  const count = last - first + 1;
  if (count > MAX_RANGE_LINES) throw invalid(`at most ${MAX_RANGE_LINES} lines can be read at once, not ${count}`);
}

const invalid = (reason: string): AppError => new AppError("INVALID_ARGUMENT", `invalid line range: ${reason}`);

const outside = ({ shown }: FilePath, { first, last }: LineRange, lineCount: number): AppError =>
  invalid(`${shown} has ${lineCount} lines, ${first} to ${last} were asked for`);

const tooLong = ({ first, last }: LineRange): AppError =>
  new AppError("TOO_LARGE", `lines ${first} to ${last} hold more than ${MAX_RANGE_BYTES} bytes: read fewer lines`);
