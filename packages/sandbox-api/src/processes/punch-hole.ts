import type { Libc } from "./libc.ts";

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/**
 * Gives the first `lengthBytes` of a file back to the filesystem, keeping its size and every offset. False where the
 * filesystem cannot.
 */
export function punchHole(libc: Libc, fd: number, lengthBytes: number): boolean {
  return libc.fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, lengthBytes) === 0;
}
