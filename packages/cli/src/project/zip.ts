import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { ZipFile } from "yazl";
import type { ArchiveEntry } from "./project-files.ts";

/** An archive in a file of its own, gone with the object. */
export interface PackedArchive extends AsyncDisposable {
  readonly path: string;
  readonly sizeBytes: number;
}

/** Writes the entries into a ZIP file beside other temporary files; one at a time is in memory, and of that a piece. */
export async function packZip(entries: readonly ArchiveEntry[], signal?: AbortSignal): Promise<PackedArchive> {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-archive-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, "archive.zip");
  try {
    await writeZip(entries, path, signal);
    return { path, sizeBytes: (await stat(path)).size, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function writeZip(
  entries: readonly ArchiveEntry[],
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const zip = new ZipFile();
  const output = createWriteStream(path, { mode: 0o600 });
  /* What goes wrong with one file is an event of the whole, and does not end its stream. */
  zip.on("error", (error) => output.destroy(error as Error));
  for (const entry of entries) addEntry(zip, entry);
  zip.end();
  await pipeline(zip.outputStream, output, signal === undefined ? {} : { signal });
}

function addEntry(zip: ZipFile, entry: ArchiveEntry): void {
  if (entry.kind === "file") zip.addFile(entry.path, entry.name);
  if (entry.kind === "folder") zip.addEmptyDirectory(entry.name, { mode: entry.mode, mtime: entry.modifiedAt });
  if (entry.kind === "content") zip.addBuffer(entry.content, entry.name, { mode: entry.mode });
}
