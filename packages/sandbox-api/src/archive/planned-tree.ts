import { refuseArchive } from "./refusal.ts";
import type { ZipEntry } from "./zip-directory.ts";

/** A file or folder to make, at a path that stays below where it is unpacked. */
export interface PlannedEntry {
  /** Relative, normalised. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Permissions alone: no set-user-id and the like. */
  readonly mode: number;
  readonly entry: ZipEntry;
}

export interface PlannedTree {
  /** In the order of their data. */
  readonly entries: readonly PlannedEntry[];
  readonly contentBytes: number;
}

const FILE_TYPE = 0o170000;
const SYMBOLIC_LINK = 0o120000;
const FOLDER = 0o040000;
const FILE = 0o100000;
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

const NAME_MAX_BYTES = 255;
const PATH_MAX_BYTES = 4095;

/** Encrypted, strongly encrypted, and with a masked directory. */
const ENCRYPTED_FLAGS = 0x2041;
const METHODS: ReadonlySet<number> = new Set([0, 8]);

/** Extra fields of Unix archivers, and their length without the target of a link. */
const LINK_FIELDS: readonly (readonly [number, number])[] = [
  [0x000d, 12],
  [0x756e, 14],
];

/** Deflate cannot do more than 1,032: what comes near it says more about its maker than about its content. */
const EXPANSION_MAX_RATIO = 250;
const EXPANSION_FREE_BYTES = 16 * 1024 * 1024;

export interface TreeLimits {
  readonly archiveBytes: number;
  readonly roomBytes: number;
  /** Of files with one path the last in the directory counts. */
  readonly lastWins: boolean;
}

/** What the entries come to, all of it looked at before anything is written. @throws {AppError} INVALID_ARGUMENT */
export function planTree(entries: readonly ZipEntry[], { archiveBytes, roomBytes, lastWins }: TreeLimits): PlannedTree {
  const all = entries.map(planEntry);
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

function planEntry(entry: ZipEntry): PlannedEntry {
  const name = nameOf(entry);
  const isFolder = name.endsWith("/");
  const path = isFolder ? name.slice(0, -1) : name;
  assertInside(path);
  assertPlain(entry, path, isFolder);
  const permissions = entry.unixMode & 0o777;
  const mode = permissions === 0 ? (isFolder ? FOLDER_MODE : FILE_MODE) : permissions;
  return { path, isFolder, mode, entry };
}

function nameOf({ name }: ZipEntry): string {
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

function assertPlain(
  { unixMode, flags, method, extraFields, contentBytes }: ZipEntry,
  path: string,
  isFolder: boolean,
): void {
  const type = unixMode & FILE_TYPE;
  if (type === SYMBOLIC_LINK) throw refuseArchive("it is a symbolic link; put the file itself there", path);
  const hasTarget = LINK_FIELDS.some(([field, lengthBytes]) => (extraFields.get(field)?.length ?? 0) > lengthBytes);
  if (hasTarget) throw refuseArchive("it is a link; put the file itself there", path);
  if (type !== 0 && type !== (isFolder ? FOLDER : FILE)) throw refuseArchive("it is neither a file nor a folder", path);
  if ((flags & ENCRYPTED_FLAGS) !== 0) throw refuseArchive("it is encrypted", path);
  if (!METHODS.has(method)) throw refuseArchive("it is compressed in another way than deflate", path);
  if (isFolder && contentBytes > 0) throw refuseArchive("it is a folder with content of its own", path);
}

const lastOfEach = (planned: readonly PlannedEntry[]): PlannedEntry[] => [
  ...new Map(planned.map((entry) => [`${entry.path} ${entry.isFolder}`, entry])).values(),
];

/** No path twice, and none below a file. */
function assertDistinct(planned: readonly PlannedEntry[]): void {
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
