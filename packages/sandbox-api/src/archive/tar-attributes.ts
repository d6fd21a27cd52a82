import { refuseArchive } from "./refusal.ts";
import type { TarBytes } from "./tar-bytes.ts";
import { readRecords, sizeOf, type TarHeader, wholeBlocks } from "./tar-header.ts";

const PAX = "x";
const PAX_OF_ALL = "g";
const GNU_LONG_NAME = "L";
const GNU_LONG_LINK = "K";
const TYPES: ReadonlySet<string> = new Set([PAX, PAX_OF_ALL, GNU_LONG_NAME, GNU_LONG_LINK]);

/** Of all attributes of an archive together. */
const MAX_BYTES = 32 * 1024 * 1024;

export interface DescribedHeader extends TarHeader {
  /** What is stored is not its content as it is. */
  readonly isSparse: boolean;
}

/** What stands before an entry when it does not go into its header: long names and large sizes, of PAX and of GNU's tar. */
export class TarAttributes {
  readonly #bytes: TarBytes;
  #records = new Map<string, Buffer>();
  #takenBytes = 0;

  constructor(bytes: TarBytes) {
    this.#bytes = bytes;
  }

  /** True for a header of attributes, which are read and kept for the next entry. @throws {AppError} INVALID_ARGUMENT */
  async take({ type, sizeBytes }: TarHeader): Promise<boolean> {
    if (!TYPES.has(type)) return false;
    this.#takenBytes += sizeBytes;
    if (this.#takenBytes > MAX_BYTES) throw refuseArchive("its names and attributes are too large");
    const content = await this.#bytes.take(sizeBytes);
    await this.#bytes.skipTo(wholeBlocks(this.#bytes.offset));
    if (type === PAX) for (const [key, value] of readRecords(content)) this.#records.set(key, value);
    if (type === GNU_LONG_NAME) this.#records.set("path", withoutZeros(content));
    if (type === GNU_LONG_LINK) this.#records.set("linkpath", withoutZeros(content));
    return true;
  }

  /** The next entry's header with them. @throws {AppError} INVALID_ARGUMENT */
  applyTo(header: TarHeader): DescribedHeader {
    const records = this.#records;
    this.#records = new Map();
    const size = records.get("size");
    return {
      ...header,
      name: records.get("path") ?? header.name,
      linkTo: records.get("linkpath") ?? header.linkTo,
      sizeBytes: size === undefined ? header.sizeBytes : sizeOf(size),
      isSparse: [...records.keys()].some((key) => key.startsWith("GNU.sparse.")),
    };
  }
}

function withoutZeros(content: Buffer): Buffer {
  const end = content.indexOf(0);
  return end === -1 ? content : content.subarray(0, end);
}
