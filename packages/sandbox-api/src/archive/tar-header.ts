import { refuseArchive } from "./refusal.ts";

/* Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; GNU tar's manual, "Basic Tar Format". */

export const BLOCK_BYTES = 512;

/** Where the block ends that has the byte before `offset`. */
export const wholeBlocks = (offset: number): number => Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;

const CHECKSUM_OFFSET = 148;
const CHECKSUM_BYTES = 8;
const SPACE = 0x20;
/** What GNU's have there instead is no prefix. */
const USTAR_MAGIC = "ustar\0";

/** Types of entries. */
export const FOLDER = "5";
export const SYMBOLIC_LINK = "2";
export const HARD_LINK = "1";
export const FILES: ReadonlySet<string> = new Set(["0", "7"]);

export interface TarHeader {
  readonly name: Buffer;
  readonly unixMode: number;
  readonly sizeBytes: number;
  /** "0" for a file, also where an old archive has none. */
  readonly type: string;
  readonly linkTo: Buffer;
}

export const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);

/** True for a header: no other block is likely to have its sum in it. */
export function hasChecksum(block: Buffer): boolean {
  let sum = CHECKSUM_BYTES * SPACE;
  for (const [at, byte] of block.entries()) {
    if (at < CHECKSUM_OFFSET || at >= CHECKSUM_OFFSET + CHECKSUM_BYTES) sum += byte;
  }
  return sum === octalIn(textIn(block, CHECKSUM_OFFSET, CHECKSUM_BYTES));
}

/** @throws {AppError} INVALID_ARGUMENT */
export function readHeader(block: Buffer): TarHeader {
  if (!hasChecksum(block)) throw refuseArchive("it is no TAR file, or is damaged");
  const name = textIn(block, 0, 100);
  const isUstar = block.toString("latin1", 257, 263) === USTAR_MAGIC;
  const prefix = isUstar ? textIn(block, 345, 155) : Buffer.alloc(0);
  const type = block.toString("latin1", 156, 157);
  return {
    name: prefix.length === 0 ? Buffer.from(name) : Buffer.concat([prefix, Buffer.from("/"), name]),
    unixMode: numberIn(block, 100, 8),
    sizeBytes: numberIn(block, 124, 12),
    type: type === "\0" ? "0" : type,
    linkTo: Buffer.from(textIn(block, 157, 100)),
  };
}

/** Records such as `22 path=a/long/name\n`, whose number is the length of all of it. @throws {AppError} INVALID_ARGUMENT */
export function readRecords(content: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(SPACE, at);
    const digits = space === -1 ? "" : content.toString("latin1", at, space);
    const end = at + Number(digits);
    const equals = content.indexOf("=", space);
    const isWhole = /^[1-9]\d{0,8}$/.test(digits) && end <= content.length && content[end - 1] === 0x0a;
    if (!isWhole || equals === -1 || equals >= end) throw refuseArchive("an extended header of it is damaged");
    records.set(content.toString("utf8", space + 1, equals), Buffer.from(content.subarray(equals + 1, end - 1)));
    at = end;
  }
  return records;
}

/** @throws {AppError} INVALID_ARGUMENT */
export function sizeOf(record: Buffer): number {
  const size = Number(record.toString("latin1"));
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw refuseArchive("an extended header of it is damaged");
}

/** Up to the first zero byte. */
function textIn(block: Buffer, offset: number, lengthBytes: number): Buffer {
  const field = block.subarray(offset, offset + lengthBytes);
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
}

/** Octal digits, or with its first bit set a number of base 256. */
function numberIn(block: Buffer, offset: number, lengthBytes: number): number {
  const isBinary = ((block[offset] ?? 0) & 0x80) !== 0;
  const value = isBinary ? binaryIn(block, offset, lengthBytes) : octalIn(textIn(block, offset, lengthBytes));
  if (value !== undefined && Number.isSafeInteger(value)) return value;
  throw refuseArchive("a header of it is damaged");
}

/** Negative ones, which begin with all bits set, are too large to be safe. */
function binaryIn(block: Buffer, offset: number, lengthBytes: number): number {
  let value = (block[offset] ?? 0) & 0x7f;
  for (let at = offset + 1; at < offset + lengthBytes; at += 1) value = value * 256 + (block[at] ?? 0);
  return value;
}

function octalIn(field: Buffer): number | undefined {
  const digits = field.toString("latin1").trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : undefined;
}
