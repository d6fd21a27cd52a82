import { fstatSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { type PlannedEntry, planTree } from "./planned-tree.ts";
import { refuseArchive } from "./refusal.ts";
import { readTar, type TarEntry } from "./tar-entries.ts";
import { FILES, FOLDER, HARD_LINK, SYMBOLIC_LINK } from "./tar-header.ts";
import type { Unpacked, UnpackTarget } from "./unpack.ts";
import { applyFolderModes, asRefusal, writeFile } from "./write-entry.ts";

/** Unpacks the TAR file behind `archiveFd`, which is read twice: once to look, once to write. @throws {AppError} INVALID_ARGUMENT */
export async function unpackTar(archiveFd: number, target: UnpackTarget): Promise<Unpacked> {
  const { folder, roomBytes } = target;
  try {
    const rules = { archiveBytes: fstatSync(archiveFd).size, roomBytes, lastWins: false, assertPlain };
    const { entries, contentBytes } = planTree(await lookThrough(archiveFd, roomBytes), rules);
    await writeAll(archiveFd, folder, entries);
    makeLinks(folder, entries);
    applyFolderModes(entries, folder);
    return { contentBytes };
  } catch (error) {
    throw asRefusal(error);
  }
}

/** Ends where there is more than fits, however much more there is. */
async function lookThrough(archiveFd: number, roomBytes: number): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  let contentBytes = 0;
  for await (const { entry } of readTar(archiveFd)) {
    entries.push(entry);
    contentBytes += entry.contentBytes;
    if (contentBytes > roomBytes)
      throw refuseArchive(`its content is larger than the ${roomBytes} bytes of room for it`);
  }
  return entries;
}

function assertPlain({ type, linkTo, isSparse, contentBytes }: TarEntry, path: string, isFolder: boolean): void {
  if (isSparse) throw refuseArchive("it is stored as a sparse file", path);
  if (type === SYMBOLIC_LINK && !isFolder) return assertStays(linkTo.toString(), path);
  if (type === HARD_LINK) throw refuseArchive("it is a hard link; put the file itself there", path);
  if (type !== FOLDER && !FILES.has(type)) throw refuseArchive("it is neither a file nor a folder", path);
  if (isFolder && contentBytes > 0) throw refuseArchive("it is a folder with content of its own", path);
}

function assertStays(linkTo: string, path: string): void {
  const target = posix.join(dirname(path), linkTo);
  const isOutside = posix.isAbsolute(linkTo) || target === ".." || target.startsWith("../");
  // oxlint-disable-next-line no-control-regex
  if (isOutside || linkTo === "" || /[\x00-\x1f\x7f]/.test(linkTo)) {
    throw refuseArchive("it is a link that leads out of the archive", path);
  }
}

async function writeAll(archiveFd: number, folder: string, planned: readonly PlannedEntry<TarEntry>[]): Promise<void> {
  const plans = new Map(planned.map((plan) => [plan.entry.headerOffset, plan]));
  for await (const { entry, content } of readTar(archiveFd)) {
    const plan = plans.get(entry.headerOffset);
    if (plan === undefined || entry.type === SYMBOLIC_LINK) continue;
    try {
      if (plan.isFolder) mkdirSync(join(folder, plan.path), { recursive: true });
      else await writeFile(join(folder, plan.path), plan, content);
    } catch (error) {
      throw asRefusal(error, plan.path);
    }
  }
}

/** Last: nothing is ever written through one. */
function makeLinks(folder: string, planned: readonly PlannedEntry<TarEntry>[]): void {
  for (const { path, entry } of planned.filter(({ entry }) => entry.type === SYMBOLIC_LINK)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    symlinkSync(entry.linkTo, file);
  }
}
