import { chmodSync, closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import { type PlannedEntry, planTree } from "./planned-tree.ts";
import { refuseArchive } from "./refusal.ts";
import { dataOffsetOf, readZipDirectory, type ZipEntry } from "./zip-directory.ts";

export interface UnpackTarget {
  /** Empty, and nobody else's while it is filled. */
  readonly folder: string;
  readonly roomBytes: number;
  /** Of entries with one name the last counts; by default such an archive is refused. */
  readonly lastWins?: boolean;
}

export interface Unpacked {
  readonly contentBytes: number;
}

const STORED = 0;
const CHUNK_BYTES = 256 * 1024;

/**
 * Unpacks the ZIP file behind `archiveFd` into a folder: files and folders with their permissions, no links, nothing outside.
 * Nothing is written before every entry was looked at. @throws {AppError} INVALID_ARGUMENT
 */
export async function unpackArchive(archiveFd: number, target: UnpackTarget): Promise<Unpacked> {
  const { folder, roomBytes, lastWins = false } = target;
  const limits = { archiveBytes: fstatSync(archiveFd).size, roomBytes, lastWins };
  const { entries, contentBytes } = planTree(readZipDirectory(archiveFd), limits);
  let endOfLast = 0;
  for (const planned of entries) {
    const { path, isFolder, entry } = planned;
    const dataOffset = dataOffsetOf(archiveFd, entry);
    /* Entries that share their data are how a small archive becomes a huge one. */
    if (entry.headerOffset < endOfLast) throw refuseArchive("it overlaps with another entry", path);
    endOfLast = dataOffset + entry.compressedBytes;
    try {
      if (isFolder) mkdirSync(join(folder, path), { recursive: true });
      else await writeFile(join(folder, path), planned, contentOf(archiveFd, dataOffset, entry));
    } catch (error) {
      throw asRefusal(error, path);
    }
  }
  applyFolderModes(entries, folder);
  return { contentBytes };
}

/** Last, and inner ones first: a folder may forbid its owner what the unpacking needs. */
function applyFolderModes(entries: readonly PlannedEntry[], folder: string): void {
  const folders = entries.filter(({ isFolder }) => isFolder);
  for (const { path, mode } of folders.toSorted((one, other) => other.path.length - one.path.length)) {
    chmodSync(join(folder, path), mode);
  }
}

async function writeFile(
  file: string,
  { path, mode, entry }: PlannedEntry,
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
      checksum = crc32(chunk, checksum);
      writeWhole(fd, chunk);
    }
    if (writtenBytes !== entry.contentBytes || checksum !== entry.crc32) {
      throw refuseArchive("its content is not what the archive says of it", path);
    }
  } finally {
    closeSync(fd);
  }
  chmodSync(file, mode);
}

async function* contentOf(fd: number, offset: number, entry: ZipEntry): AsyncGenerator<Buffer> {
  const data = dataOf(fd, offset, entry.compressedBytes);
  if (entry.method === STORED) {
    yield* data;
    return;
  }
  const inflate = createInflateRaw();
  const source = Readable.from(data);
  source.on("error", (error) => inflate.destroy(error));
  yield* source.pipe(inflate) as AsyncIterable<Buffer>;
}

function* dataOf(fd: number, offset: number, lengthBytes: number): Generator<Buffer> {
  for (let doneBytes = 0; doneBytes < lengthBytes;) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, lengthBytes - doneBytes));
    const count = readSync(fd, chunk, 0, chunk.length, offset + doneBytes);
    if (count === 0) throw refuseArchive("it is no ZIP file, or was cut off");
    doneBytes += count;
    yield chunk.subarray(0, count);
  }
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let doneBytes = 0; doneBytes < bytes.length;) doneBytes += writeSync(fd, bytes, doneBytes);
}

/** What the archive is to blame for; anything else stays as it is. */
function asRefusal(error: unknown, path: string): unknown {
  const { code } = error as { code?: unknown };
  if (code === "ENOSPC") return refuseArchive("there is no room left for it", path);
  const isDamaged = typeof code === "string" && code.startsWith("Z_");
  return isDamaged ? refuseArchive("its compressed content is damaged", path) : error;
}
