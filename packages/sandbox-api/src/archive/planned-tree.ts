import { refuseArchive } from "./refusal.ts";

/** What archives of every kind say of an entry. */
export interface ArchiveEntry {
  /** That of a folder ends with a slash. */
  readonly name: Buffer;
  /** Permissions, and what else an archive has beside them; 0 where it knows none. */
  readonly unixMode: number;
  readonly contentBytes: number;
  /** Where it begins. */
  readonly headerOffset: number;
}

/** Something to make, at a path that stays below where it is unpacked. */
export interface PlannedEntry<Entry extends ArchiveEntry> {
  /** Relative, normalised. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Permissions alone: no set-user-id and the like. */
  readonly mode: number;
  readonly entry: Entry;
}

export interface PlannedTree<Entry extends ArchiveEntry> {
  /** In the order of their data. */
  readonly entries: readonly PlannedEntry<Entry>[];
  readonly contentBytes: number;
}

const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

const NAME_MAX_BYTES = 255;
const PATH_MAX_BYTES = 4095;

/** Deflate cannot do more than 1,032: what comes near it says more about its maker than about its content. */
const EXPANSION_MAX_RATIO = 250;
const EXPANSION_FREE_BYTES = 16 * 1024 * 1024;

export interface TreeRules<Entry> {
  readonly archiveBytes: number;
  readonly roomBytes: number;
  /** Of files with one path the last in the directory counts. */
  readonly lastWins: boolean;
  /** Throws for what is not to be made. */
  readonly assertPlain: (entry: Entry, path: string, isFolder: boolean) => void;
}

/** What the entries come to, all of it looked at before anything is written. @throws {AppError} INVALID_ARGUMENT */
export function planTree<Entry extends ArchiveEntry>(
  entries: readonly Entry[],
  { archiveBytes, roomBytes, lastWins, assertPlain }: TreeRules<Entry>,
): PlannedTree<Entry> {
  const all = entries.map((entry) => planEntry(entry, assertPlain));
  const counting = lastWins ? lastOfEach(all) : all;
  const planned = counting.toSorted((one, other) => one.entry.headerOffset - other.entry.headerOffset);
  assertDistinct(planned);
  const contentBytes = entries.reduce((sum, entry) => sum + entry.contentBytes, 0);
  if (contentBytes > roomBytes) {
    throw refuseArchive(`its content has ${contentBytes} bytes, there is room for ${roomBytes}`);
  }
  if (contentBytes > EXPANSION_FREE_BYTES && contentBytes > archiveBytes * EXPANSION_MAX_RATIO) {
    throw refuseArchive(`its content is more than ${EXPANSION_MAX_RATIO} times as large as itself`);
  }
  return { entries: planned, contentBytes };
}

function planEntry<Entry extends ArchiveEntry>(
  entry: Entry,
  assertPlain: TreeRules<Entry>["assertPlain"],
): PlannedEntry<Entry> {
  const name = nameOf(entry);
  const isFolder = name.endsWith("/");
  const path = isFolder ? name.slice(0, -1) : name;
  assertInside(path);
  assertPlain(entry, path, isFolder);
  const permissions = entry.unixMode & 0o777;
  const mode = permissions === 0 ? (isFolder ? FOLDER_MODE : FILE_MODE) : permissions;
  return { path, isFolder, mode, entry };
}

function nameOf({ name }: ArchiveEntry): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(name);
  } catch {
    throw refuseArchive("its name is not UTF-8", name.toString("latin1"));
  }
}

function assertInside(path: string): void {
  if (path.startsWith("/")) throw refuseArchive("its path is absolute", path);
  // oxlint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f\\]/.test(path)) throw refuseArchive("its name has a control character or a backslash", path);
  const parts = path.split("/");
  if (parts.some((part) => ["", ".", ".."].includes(part))) {
    throw refuseArchive('its path has an empty, "." or ".." part', path);
  }
  const isLong = parts.some((part) => Buffer.byteLength(part) > NAME_MAX_BYTES);
  if (isLong || Buffer.byteLength(path) > PATH_MAX_BYTES) throw refuseArchive("its path is too long", path);
}

const lastOfEach = <Entry extends ArchiveEntry>(planned: readonly PlannedEntry<Entry>[]): PlannedEntry<Entry>[] => [
  ...new Map(planned.map((entry) => [`${entry.path} ${entry.isFolder}`, entry])).values(),
];

/** No path twice, and none below a file. */
function assertDistinct(planned: readonly PlannedEntry<ArchiveEntry>[]): void {
  const kinds = new Map<string, boolean>();
  for (const { path, isFolder } of planned) {
    if (kinds.has(path)) throw refuseArchive("it is there twice", path);
    kinds.set(path, isFolder);
  }
  for (const { path } of planned) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      if (kinds.get(path.slice(0, end)) === false) throw refuseArchive("it is below a file", path);
    }
  }
}
