import { AppError, randomId } from "@dormouse/kernel";
import { renameSync } from "node:fs";
import type { UploadedPart } from "@dormouse/schema";
import { type PartPlace, PartWriter, type Slot, type WrittenPart } from "./part-writer.ts";
import { StagingDirectory, type StagingPlace } from "./staging-directory.ts";

/** The file that parts are put into at their final offset, as far as that is known. */
const WHOLE_FILE = "whole";
/** Filesystems end somewhere: an offset above this is not tried. */
const MAX_WHOLE_BYTES = 2 ** 40;

/** What an upload is, from its start to its end. */
export interface UploadInfo {
  readonly uploadId: string;
  /** Absolute. */
  readonly path: string;
  /** Of a new file; null means the default. */
  readonly mode: number | null;
  readonly initiatedAtMs: number;
  readonly staging: StagingPlace;
}

/** A complete part. */
export interface PartRecord extends WrittenPart {
  readonly partNumber: number;
  readonly uploadedAtMs: number;
}

/** Bytes to take from a file of the staging directory, in their order. */
export type PartSequence = readonly PartRecord[];

/**
 * The parts of one upload. Clients cut a file into parts of one size, the last excepted: once that size is known a part is
 * written where it belongs in the whole file, so completing does not copy it. Every other case, parts sent again included, is
 * right too, and costs the copy.
 */
export class Upload {
  readonly info: UploadInfo;
  readonly #onStored: (part: PartRecord) => void;
  readonly #parts = new Map<number, PartRecord>();
  readonly #writers = new Set<PartWriter>();
  /** Numbers of the parts that are, or are being, written to their slot. */
  readonly #slots = new Set<number>();
  #slotBytes: number | null = null;

  /** `onStored` keeps the record of a part; what it throws makes the part fail. */
  constructor(info: UploadInfo, parts: Iterable<PartRecord>, onStored: (part: PartRecord) => void) {
    this.info = info;
    this.#onStored = onStored;
    for (const part of parts) this.#parts.set(part.partNumber, part);
    for (const part of this.#parts.values()) this.#resumeSlot(part);
  }

  /** In the order of their numbers. */
  get parts(): readonly PartRecord[] {
    return [...this.#parts.values()].sort((a, b) => a.partNumber - b.partNumber);
  }

  get lastActivityAtMs(): number {
    return Math.max(this.info.initiatedAtMs, ...this.parts.map((part) => part.uploadedAtMs));
  }

  /**
   * Takes a part. `write` puts its bytes into the sink and resolves when all have come; if it rejects, the part and the one
   * of that number it would have replaced are as before.
   */
  async receive(partNumber: number, write: (sink: PartWriter) => Promise<void>): Promise<UploadedPart> {
    using directory = StagingDirectory.open(this.info.staging);
    const slot = this.#takeSlot(partNumber);
    let part: PartRecord | undefined;
    try {
      await using writer = new PartWriter(directory, `part-${partNumber}-${randomId()}`, slot);
      this.#writers.add(writer);
      try {
        await write(writer);
        const written = await writer.finish();
        if (slot !== null && written.file !== WHOLE_FILE) this.#releaseSlot(directory, partNumber);
        part = this.#store(directory, partNumber, written);
      } finally {
        this.#writers.delete(writer);
        if (part === undefined) writer.discard();
      }
    } finally {
      if (slot !== null && part === undefined) this.#releaseSlot(directory, partNumber);
    }
    return { partNumber, etag: part.etag, size: part.sizeBytes };
  }

  /** The listed parts in their order. @throws {AppError} UPLOAD_INVALID when one is missing or its etag is another. */
  select(listed: readonly { readonly partNumber: number; readonly etag: string }[]): PartSequence {
    const selected = listed.map(({ partNumber, etag }) => {
      const part = this.#parts.get(partNumber);
      if (part === undefined) throw invalid(`part ${partNumber} was not uploaded`);
      if (part.etag !== etag) throw invalid(`the etag of part ${partNumber} is "${part.etag}", not "${etag}"`);
      return part;
    });
    selected.sort((a, b) => a.partNumber - b.partNumber);
    return selected;
  }

  /**
   * Name of the file in which `sequence` can be put together without harm to any part, so that it can be tried again: the
   * whole file when all that is in it belongs where it is, else the first part's own, else a new one.
   */
  chooseTarget(sequence: PartSequence): string {
    const inWhole = [...this.#parts.values()].filter((part) => part.file === WHOLE_FILE).length;
    const inPlace = withOffsets(sequence).filter(([part, atBytes]) => isAt(part, WHOLE_FILE, atBytes)).length;
    if (inWhole > 0 && inWhole === inPlace) return WHOLE_FILE;
    const [first] = sequence;
    return inWhole === 0 && first !== undefined ? first.file : `joined-${randomId()}`;
  }

  /** Ends every part under way; resolves when no byte of them will be written any more. */
  async revokeWriters(): Promise<void> {
    await Promise.all([...this.#writers].map((writer) => writer.revoke()));
  }

  #store(directory: StagingDirectory, partNumber: number, written: WrittenPart): PartRecord {
    const place = this.#learnSlotSize(directory, partNumber, written);
    const part = { ...written, ...place, partNumber, uploadedAtMs: Date.now() };
    this.#onStored(part);
    const previous = this.#parts.get(partNumber);
    this.#parts.set(partNumber, part);
    if (previous !== undefined && previous.file !== part.file) this.#forget(directory, previous);
    return part;
  }

  /** As long as no slot is in use, the latest part tells how large parts are; a first part then begins the whole file. */
  #learnSlotSize(directory: StagingDirectory, partNumber: number, written: WrittenPart): PartPlace {
    const { file, offsetBytes, sizeBytes } = written;
    if (this.#slots.size > 0 || sizeBytes === 0) return { file, offsetBytes };
    this.#slotBytes = sizeBytes;
    if (partNumber !== 1) return { file, offsetBytes };
    renameSync(directory.pathOf(file), directory.pathOf(WHOLE_FILE));
    this.#slots.add(1);
    return { file: WHOLE_FILE, offsetBytes: 0 };
  }

  #takeSlot(partNumber: number): Slot | null {
    if (this.#slotBytes === null || this.#slots.has(partNumber)) return null;
    const offsetBytes = (partNumber - 1) * this.#slotBytes;
    if (offsetBytes + this.#slotBytes > MAX_WHOLE_BYTES) return null;
    this.#slots.add(partNumber);
    return { file: WHOLE_FILE, offsetBytes, sizeBytes: this.#slotBytes };
  }

  #forget(directory: StagingDirectory, previous: PartRecord): void {
    if (previous.file === WHOLE_FILE) this.#releaseSlot(directory, previous.partNumber);
    else directory.remove(previous.file);
  }

  #releaseSlot(directory: StagingDirectory, partNumber: number): void {
    this.#slots.delete(partNumber);
    if (this.#slots.size === 0) directory.remove(WHOLE_FILE);
  }

  #resumeSlot({ partNumber, file, offsetBytes, sizeBytes }: PartRecord): void {
    if (file !== WHOLE_FILE) return;
    this.#slots.add(partNumber);
    if (partNumber > 1) this.#slotBytes = offsetBytes / (partNumber - 1);
    else this.#slotBytes ??= sizeBytes;
  }
}

/** Each part with the offset at which it belongs. */
export function withOffsets(sequence: PartSequence): [part: PartRecord, atBytes: number][] {
  let atBytes = 0;
  return sequence.map((part) => {
    atBytes += part.sizeBytes;
    return [part, atBytes - part.sizeBytes];
  });
}

export const totalBytes = (sequence: PartSequence): number =>
  sequence.reduce((sumBytes, part) => sumBytes + part.sizeBytes, 0);

export const isAt = (part: PartRecord, file: string, atBytes: number): boolean =>
  part.file === file && part.offsetBytes === atBytes;

const invalid = (reason: string): AppError => new AppError("UPLOAD_INVALID", `Cannot complete the upload: ${reason}`);
