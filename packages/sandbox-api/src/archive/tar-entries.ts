import { fstatSync, readSync } from "node:fs";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { dataOf } from "./archive-file.ts";
import type { ArchiveEntry } from "./planned-tree.ts";
import { refuseArchive } from "./refusal.ts";
import { TarAttributes } from "./tar-attributes.ts";
import { TarBytes } from "./tar-bytes.ts";
import { BLOCK_BYTES, FOLDER, hasChecksum, isZero, readHeader, wholeBlocks } from "./tar-header.ts";

/** One entry of a TAR file, with what the attributes before it say of it. */
export interface TarEntry extends ArchiveEntry {
  /** As in `TarHeader`. */
  readonly type: string;
  /** Of a link. */
  readonly linkTo: Buffer;
  /** What is stored is not its content as it is. */
  readonly isSparse: boolean;
}

export interface ReadEntry {
  readonly entry: TarEntry;
  /** Need not be read to its end; not to be read once the next entry has come. */
  readonly content: AsyncIterable<Buffer>;
}

const ENTRIES_MAX_COUNT = 100_000;
const GZIP_MAGIC = 0x1f8b;

/** True for a TAR file, and for whatever gzip has packed. */
export function isTar(fd: number): boolean {
  const start = Buffer.alloc(BLOCK_BYTES);
  const count = readSync(fd, start, 0, BLOCK_BYTES, 0);
  return start.readUInt16BE(0) === GZIP_MAGIC || (count === BLOCK_BYTES && hasChecksum(start));
}

/** Every entry in turn. @throws {AppError} INVALID_ARGUMENT for what is no TAR file, was cut off, or has too many */
export async function* readTar(fd: number): AsyncGenerator<ReadEntry> {
  await using bytes = new TarBytes(bytesOf(fd));
  const attributes = new TarAttributes(bytes);
  for (let count = 1; ; count += 1) {
    const headerOffset = bytes.offset;
    const block = await bytes.take(BLOCK_BYTES);
    if (isZero(block)) return;
    if (count > ENTRIES_MAX_COUNT) throw refuseArchive(`it has more than ${ENTRIES_MAX_COUNT} entries`);
    const header = readHeader(block);
    if (await attributes.take(header)) continue;
    const { name, sizeBytes, ...rest } = attributes.applyTo(header);
    const endOffset = bytes.offset + sizeBytes;
    const entry = { ...rest, name: plainName(name, header.type), contentBytes: sizeBytes, headerOffset };
    // What is packed from within a folder has that folder as well: `./`.
    if (entry.name.length > 0) yield { entry, content: bytes.upTo(endOffset) };
    await bytes.skipTo(wholeBlocks(endOffset));
  }
}

/** Without `./` in front, and with a slash behind it for a folder. */
function plainName(name: Buffer, type: string): Buffer {
  const text = name.toString("latin1").replace(/^(?:\.\/+)+/, "");
  const plain = text === "." || text === "./" ? "" : text;
  const isBare = type === FOLDER && plain !== "" && !plain.endsWith("/");
  return Buffer.from(isBare ? `${plain}/` : plain, "latin1");
}

function bytesOf(fd: number): AsyncIterable<Buffer> | Iterable<Buffer> {
  const start = Buffer.alloc(2);
  readSync(fd, start, 0, start.length, 0);
  const data = dataOf(fd, 0, fstatSync(fd).size);
  if (start.readUInt16BE(0) !== GZIP_MAGIC) return data;
  const gunzip = createGunzip();
  const source = Readable.from(data);
  source.on("error", (error) => gunzip.destroy(error));
  return source.pipe(gunzip) as AsyncIterable<Buffer>;
}
