const BLOCK_BYTES = 512;

export interface TarEntry {
  /** Of at most 100 bytes. */
  readonly name: string;
  readonly content?: string | Buffer;
  /** By default a file, or a folder when its name ends with a slash. */
  readonly type?: "file" | "hard link" | "link" | "character device" | "block device" | "folder" | "fifo";
  readonly linkTo?: string;
  readonly mode?: number;
  readonly userId?: number;
  readonly groupId?: number;
  readonly modifiedAtS?: number;
  /** Major and minor number. */
  readonly device?: readonly [number, number];
  /** PAX records, such as `SCHILY.xattr.user.x`. */
  readonly records?: Readonly<Record<string, string | Buffer>>;
}

const TYPE_FLAGS = {
  file: "0",
  "hard link": "1",
  link: "2",
  "character device": "3",
  "block device": "4",
  folder: "5",
  fifo: "6",
} as const;

/** A tar file, also one that no tar program would write. Source: POSIX.1-2017, pax, "ustar Interchange Format". */
export const tarBytes = (entries: readonly TarEntry[]): Buffer =>
  Buffer.concat([...entries.flatMap(entryBytes), Buffer.alloc(2 * BLOCK_BYTES)]);

function entryBytes(entry: TarEntry): Buffer[] {
  const { name, content = "", records } = entry;
  const type = entry.type ?? (name.endsWith("/") ? "folder" : "file");
  const mode = entry.mode ?? (type === "folder" ? 0o755 : 0o644);
  const data = Buffer.from(content);
  const own = [header({ ...entry, mode }, TYPE_FLAGS[type], data.length), padded(data)];
  if (records === undefined) return own;
  const extra = Buffer.concat(Object.entries(records).map(([key, value]) => record(key, Buffer.from(value))));
  return [header({ name: "pax" }, "x", extra.length), padded(extra), ...own];
}

function header(entry: Omit<TarEntry, "content" | "type">, typeFlag: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  const [major, minor] = entry.device ?? [0, 0];
  block.write(entry.name, 0, 100);
  block.write(octal(entry.mode ?? 0o644, 7), 100);
  block.write(octal(entry.userId ?? 0, 7), 108);
  block.write(octal(entry.groupId ?? 0, 7), 116);
  block.write(octal(sizeBytes, 11), 124);
  block.write(octal(entry.modifiedAtS ?? 0, 11), 136);
  block.write("        ", 148);
  block.write(typeFlag, 156);
  block.write(entry.linkTo ?? "", 157, 100);
  block.write("ustar\x0000", 257);
  block.write(octal(major, 7), 329);
  block.write(octal(minor, 7), 337);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Its length counts itself. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK_BYTES - (data.length % BLOCK_BYTES)) % BLOCK_BYTES)]);
}
