import { fstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createInflateRaw } from "node:zlib";
import { dataOf } from "./archive-file.ts";
import { planTree } from "./planned-tree.ts";
import { refuseArchive } from "./refusal.ts";
import type { Unpacked, UnpackTarget } from "./unpack.ts";
import { applyFolderModes, asRefusal, writeFile } from "./write-entry.ts";
import { dataOffsetOf, readZipDirectory, type ZipEntry } from "./zip-directory.ts";
import { assertPlain } from "./zip-entry-rules.ts";

const STORED = 0;

/** Unpacks the ZIP file behind `archiveFd`. @throws {AppError} INVALID_ARGUMENT */
export async function unpackZip(archiveFd: number, target: UnpackTarget): Promise<Unpacked> {
  const { folder, roomBytes, lastWins = false } = target;
  const rules = { archiveBytes: fstatSync(archiveFd).size, roomBytes, lastWins, assertPlain };
  const { entries, contentBytes } = planTree(readZipDirectory(archiveFd), rules);
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
