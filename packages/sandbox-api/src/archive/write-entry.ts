import { chmodSync, closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import type { ArchiveEntry, PlannedEntry } from "./planned-tree.ts";
import { refuseArchive } from "./refusal.ts";

type AnyEntry = PlannedEntry<ArchiveEntry & { readonly crc32?: number }>;

/** Makes a new file; its content must be what the archive says of it. @throws {AppError} INVALID_ARGUMENT */
export async function writeFile(
  file: string,
  { path, mode, entry }: AnyEntry,
  content: AsyncIterable<Buffer>,
): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const fd = openSync(file, "wx", 0o600);
  try {
    let writtenBytes = 0;
    let checksum = 0;
    for await (const chunk of content) {
      writtenBytes += chunk.length;
      if (writtenBytes > entry.contentBytes) break;
      if (entry.crc32 !== undefined) checksum = crc32(chunk, checksum);
      writeWhole(fd, chunk);
    }
    if (writtenBytes !== entry.contentBytes || checksum !== (entry.crc32 ?? 0)) {
      throw refuseArchive("its content is not what the archive says of it", path);
    }
  } finally {
    closeSync(fd);
  }
  chmodSync(file, mode);
}

/** Last, and inner ones first: a folder may forbid its owner what the unpacking needs. */
export function applyFolderModes(entries: readonly PlannedEntry<ArchiveEntry>[], folder: string): void {
  const folders = entries.filter(({ isFolder }) => isFolder);
  for (const { path, mode } of folders.toSorted((one, other) => other.path.length - one.path.length)) {
    chmodSync(join(folder, path), mode);
  }
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let doneBytes = 0; doneBytes < bytes.length;) doneBytes += writeSync(fd, bytes, doneBytes);
}

/** What the archive is to blame for; anything else stays as it is. `path` is the entry's. */
export function asRefusal(error: unknown, path?: string): unknown {
  const { code } = error as { code?: unknown };
  if (code === "ENOSPC") return refuseArchive("there is no room left for it", path);
  const isDamaged = typeof code === "string" && code.startsWith("Z_");
  return isDamaged ? refuseArchive("its compressed content is damaged", path) : error;
}
