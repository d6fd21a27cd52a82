import { refuseArchive } from "./refusal.ts";
import type { ZipEntry } from "./zip-directory.ts";

const FILE_TYPE = 0o170000;
const SYMBOLIC_LINK = 0o120000;
const FOLDER = 0o040000;
const FILE = 0o100000;

/** Encrypted, strongly encrypted, and with a masked directory. */
const ENCRYPTED_FLAGS = 0x2041;
const METHODS: ReadonlySet<number> = new Set([0, 8]);

/** Extra fields of Unix archivers, and their length without the target of a link. */
const LINK_FIELDS: readonly (readonly [number, number])[] = [
  [0x000d, 12],
  [0x756e, 14],
];

/** A file or a folder, and nothing else that an entry can be. @throws {AppError} INVALID_ARGUMENT */
export function assertPlain(
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
