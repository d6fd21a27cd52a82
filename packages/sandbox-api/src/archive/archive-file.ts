import { readSync } from "node:fs";
import { refuseArchive } from "./refusal.ts";

const CHUNK_BYTES = 256 * 1024;

/** A part of the archive, as it is there. @throws {AppError} INVALID_ARGUMENT where that ends before it */
export function* dataOf(fd: number, offset: number, lengthBytes: number): Generator<Buffer> {
  for (let doneBytes = 0; doneBytes < lengthBytes;) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, lengthBytes - doneBytes));
    const count = readSync(fd, chunk, 0, chunk.length, offset + doneBytes);
    if (count === 0) throw refuseArchive("it was cut off");
    doneBytes += count;
    yield chunk.subarray(0, count);
  }
}
