import { fstatSync, readSync } from "node:fs";
import { refuseArchive } from "./refusal.ts";

/** What the directory at the end of a ZIP file says of one entry (APPNOTE 4.3.12). Only the directory is believed, no local header. */
export interface ZipEntry {
  readonly name: Buffer;
  readonly flags: number;
  readonly method: number;
  readonly crc32: number;
  readonly compressedBytes: number;
  readonly contentBytes: number;
  readonly headerOffset: number;
  /** Unix file type and permissions; 0 where the archive was not made on Unix. */
  readonly unixMode: number;
  readonly extraFields: ReadonlyMap<number, Buffer>;
}

/** The end of a ZIP file: where its directory lies. */
interface DirectoryPlace {
  readonly entryCount: number;
  readonly sizeBytes: number;
  readonly offset: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR64_SIGNATURE = 0x07064b50;
const LOCATOR64_BYTES = 20;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const COMMENT_MAX_BYTES = 0xffff;
const ZIP64_FIELD = 0x0001;
const IN_ZIP64_16 = 0xffff;
const IN_ZIP64_32 = 0xffffffff;

const ENTRIES_MAX_COUNT = 100_000;
const DIRECTORY_MAX_BYTES = 32 * 1024 * 1024;

/** Every entry, in the order of the directory. @throws {AppError} INVALID_ARGUMENT for what is no ZIP file, or too large a one */
export function readZipDirectory(fd: number): ZipEntry[] {
  const place = findDirectory(fd);
  if (place.entryCount > ENTRIES_MAX_COUNT) {
    throw refuseArchive(`it has ${place.entryCount} entries, ${ENTRIES_MAX_COUNT} are the most`);
  }
  if (place.sizeBytes > DIRECTORY_MAX_BYTES) throw refuseArchive("its directory of entries is too large");
  const directory = readAt(fd, place.offset, place.sizeBytes);
  const entries: ZipEntry[] = [];
  for (let offset = 0; entries.length < place.entryCount;) {
    const entry = readEntry(directory, offset);
    entries.push(entry);
    offset += ENTRY_BYTES + lengthsOf(directory, offset).total;
  }
  return entries;
}

/** Where the data of an entry begin. */
export function dataOffsetOf(fd: number, { headerOffset }: ZipEntry): number {
  const header = readAt(fd, headerOffset, LOCAL_BYTES);
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw refuseArchive("an entry is not where its directory says");
  return headerOffset + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
}

function findDirectory(fd: number): DirectoryPlace {
  const fileBytes = fstatSync(fd).size;
  const tailBytes = Math.min(fileBytes, END_BYTES + COMMENT_MAX_BYTES);
  const tail = readAt(fd, fileBytes - tailBytes, tailBytes);
  for (let at = tailBytes - END_BYTES; at >= 0; at--) {
    const isEnd = tail.readUInt32LE(at) === END_SIGNATURE && at + END_BYTES + tail.readUInt16LE(at + 20) === tailBytes;
    if (!isEnd) continue;
    const endOffset = fileBytes - tailBytes + at;
    const place = placeIn(fd, tail.subarray(at), endOffset);
    if (place.offset + place.sizeBytes > endOffset) break;
    return place;
  }
  throw refuseArchive("it is neither a ZIP nor a TAR file, or was cut off");
}

function placeIn(fd: number, end: Buffer, endOffset: number): DirectoryPlace {
  const place = {
    entryCount: end.readUInt16LE(10),
    sizeBytes: end.readUInt32LE(12),
    offset: end.readUInt32LE(16),
  };
  const isZip64 = place.entryCount === IN_ZIP64_16 || place.sizeBytes === IN_ZIP64_32 || place.offset === IN_ZIP64_32;
  if (!isZip64 || endOffset < LOCATOR64_BYTES) return place;
  const locator = readAt(fd, endOffset - LOCATOR64_BYTES, LOCATOR64_BYTES);
  if (locator.readUInt32LE(0) !== LOCATOR64_SIGNATURE) return place;
  const end64 = readAt(fd, toNumber(locator.readBigUInt64LE(8)), END64_BYTES);
  if (end64.readUInt32LE(0) !== END64_SIGNATURE) throw refuseArchive("its ZIP64 directory is missing");
  return {
    entryCount: toNumber(end64.readBigUInt64LE(32)),
    sizeBytes: toNumber(end64.readBigUInt64LE(40)),
    offset: toNumber(end64.readBigUInt64LE(48)),
  };
}

function readEntry(directory: Buffer, offset: number): ZipEntry {
  if (offset + ENTRY_BYTES > directory.length || directory.readUInt32LE(offset) !== ENTRY_SIGNATURE) {
    throw refuseArchive("its directory of entries is damaged");
  }
  const lengths = lengthsOf(directory, offset);
  const nameOffset = offset + ENTRY_BYTES;
  if (nameOffset + lengths.total > directory.length) throw refuseArchive("its directory of entries is damaged");
  const extraOffset = nameOffset + lengths.name;
  const extraFields = readExtraFields(directory.subarray(extraOffset, extraOffset + lengths.extra));
  const large = largeValues(extraFields.get(ZIP64_FIELD));
  const wide = (at: number): number => {
    const value = directory.readUInt32LE(offset + at);
    return value === IN_ZIP64_32 ? large() : value;
  };
  /* In the order in which the ZIP64 field has them. */
  const contentBytes = wide(24);
  const compressedBytes = wide(20);
  const headerOffset = wide(42);
  return {
    name: directory.subarray(nameOffset, extraOffset),
    flags: directory.readUInt16LE(offset + 8),
    method: directory.readUInt16LE(offset + 10),
    crc32: directory.readUInt32LE(offset + 16),
    compressedBytes,
    contentBytes,
    headerOffset,
    unixMode: directory.readUInt16LE(offset + 40),
    extraFields,
  };
}

function lengthsOf(directory: Buffer, offset: number): { name: number; extra: number; total: number } {
  const [name, extra, comment] = [28, 30, 32].map((at) => directory.readUInt16LE(offset + at)) as [
    number,
    number,
    number,
  ];
  return { name, extra, total: name + extra + comment };
}

function readExtraFields(extra: Buffer): Map<number, Buffer> {
  const fields = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= extra.length;) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    fields.set(extra.readUInt16LE(at), extra.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

/** Gives the values of the ZIP64 field one after the other. */
function largeValues(field: Buffer | undefined): () => number {
  let at = 0;
  return () => {
    if (field === undefined || at + 8 > field.length) throw refuseArchive("its directory of entries is damaged");
    at += 8;
    return toNumber(field.readBigUInt64LE(at - 8));
  };
}

function toNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refuseArchive("its directory of entries is damaged");
  return Number(value);
}

function readAt(fd: number, offset: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  for (let filled = 0; filled < lengthBytes;) {
    const count = readSync(fd, bytes, filled, lengthBytes - filled, offset + filled);
    if (count === 0) throw refuseArchive("it is neither a ZIP nor a TAR file, or was cut off");
    filled += count;
  }
  return bytes;
}
