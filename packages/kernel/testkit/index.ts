import { crc32, deflateRawSync } from "node:zlib";

/** An entry of an archive a test makes, as true or as false as it likes. */
export interface TestEntry {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  readonly unixMode?: number;
  readonly isStored?: boolean;
  readonly flags?: number;
  readonly method?: number;
  readonly extra?: Buffer;
  /** What the directory says instead of the truth. */
  readonly claimedBytes?: number;
  readonly claimedCrc32?: number;
  /** Another entry, by its number, whose data this one shares. */
  readonly sharesDataOf?: number;
  /** Its sizes and place are in the ZIP64 field. */
  readonly isZip64?: boolean;
}

/** A ZIP file of these entries (APPNOTE 4.3); with `claimedCount` its end is a ZIP64 one that says so. */
export function zipOf(entries: readonly TestEntry[], claimedCount?: number): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const content = Buffer.from(entry.content ?? "");
    const data = entry.isStored === true ? content : deflateRawSync(content);
    const shared = entry.sharesDataOf === undefined ? undefined : offsets[entry.sharesDataOf];
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    offsets.push(shared ?? offset);
    directory.push(directoryEntry(entry, { name, content, data, offset: shared ?? offset }));
    if (shared !== undefined) continue;
    parts.push(local, name, data);
    offset += local.length + name.length + data.length;
  }
  const whole = Buffer.concat([...parts, ...directory]);
  return Buffer.concat([whole, endOf({ offset, endOffset: whole.length, count: entries.length }, claimedCount)]);
}

interface Ending {
  /** Of the directory. */
  readonly offset: number;
  readonly endOffset: number;
  readonly count: number;
}

function endOf({ offset, endOffset, count }: Ending, claimedCount: number | undefined): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(claimedCount === undefined ? count : 0xffff, 10);
  end.writeUInt32LE(endOffset - offset, 12);
  end.writeUInt32LE(offset, 16);
  if (claimedCount === undefined) return end;
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(BigInt(claimedCount), 32);
  end64.writeBigUInt64LE(BigInt(endOffset - offset), 40);
  end64.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(endOffset), 8);
  return Buffer.concat([end64, locator, end]);
}

interface Written {
  readonly name: Buffer;
  readonly content: Buffer;
  readonly data: Buffer;
  readonly offset: number;
}

function directoryEntry(entry: TestEntry, { name, content, data, offset }: Written): Buffer {
  const header = Buffer.alloc(46);
  const claimedBytes = entry.claimedBytes ?? content.length;
  const wide = entry.isZip64 === true ? [claimedBytes, data.length, offset] : [];
  const extra = entry.extra ?? zip64Field(wide);
  const narrow = (value: number): number => (wide.length > 0 ? 0xffffffff : value);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt8(3, 5);
  header.writeUInt16LE(entry.flags ?? 0x0800, 8);
  header.writeUInt16LE(entry.method ?? (entry.isStored === true ? 0 : 8), 10);
  header.writeUInt32LE(entry.claimedCrc32 ?? crc32(content), 16);
  header.writeUInt32LE(narrow(data.length), 20);
  header.writeUInt32LE(narrow(claimedBytes), 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt16LE(entry.unixMode ?? 0, 40);
  header.writeUInt32LE(narrow(offset), 42);
  return Buffer.concat([header, name, extra]);
}

function zip64Field(values: readonly number[]): Buffer {
  if (values.length === 0) return Buffer.alloc(0);
  const field = Buffer.alloc(4 + values.length * 8);
  field.writeUInt16LE(0x0001, 0);
  field.writeUInt16LE(values.length * 8, 2);
  for (const [index, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + index * 8);
  return field;
}

export { tarBytes, type TarEntry } from "./tar.ts";
