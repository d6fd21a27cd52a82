const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

type Fallocate = (fd: number, mode: number, offsetBytes: number, lengthBytes: number) => number;

let fallocate: Promise<Fallocate | null> | undefined;

/**
 * Gives the first `lengthBytes` of a file back to the filesystem, keeping its size and every offset. False where the
 * filesystem cannot.
 */
export async function punchHole(fd: number, lengthBytes: number): Promise<boolean> {
  fallocate ??= loadFallocate();
  const call = await fallocate;
  return call !== null && call(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, lengthBytes) === 0;
}

/** Loaded on first use: hardly any process writes that much. */
async function loadFallocate(): Promise<Fallocate | null> {
  try {
    const { dlopen } = await import("bun:ffi");
    const args = ["int", "int", "i64", "i64"] as const;
    return dlopen("libc.so.6", { fallocate: { args, returns: "int" } }).symbols.fallocate;
  } catch {
    return null;
  }
}
