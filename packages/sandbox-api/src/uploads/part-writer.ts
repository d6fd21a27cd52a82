import { AppError } from "@dormouse/kernel";
import { closeSync } from "node:fs";
import { copyRange } from "../files/descriptor-io.ts";
import { FileSink } from "../files/file-sink.ts";
import type { StagingDirectory } from "./staging-directory.ts";

/** Where a part's bytes are: in which file of the staging directory, and where in it. */
export interface PartPlace {
  readonly file: string;
  readonly offsetBytes: number;
}

/** A stretch of the whole file that is one part's alone. */
export interface Slot extends PartPlace {
  readonly sizeBytes: number;
}

/** What a part turned out to be. */
export interface WrittenPart extends PartPlace {
  readonly sizeBytes: number;
  /** MD5 in hex. */
  readonly etag: string;
}

/** Takes the bytes of one part as they arrive: into its slot while they fit, else into a file of its own. */
export class PartWriter implements AsyncDisposable {
  readonly #directory: StagingDirectory;
  readonly #ownFile: string;
  readonly #hash = new Bun.CryptoHasher("md5");
  /** Null once the bytes are in a file of the part's own. */
  #slot: Slot | null;
  #fd: number;
  #sink: FileSink;
  #sizeBytes = 0;
  #isRevoked = false;
  #underWay: Promise<void> = Promise.resolve();

  /** `ownFile` is a name nothing has yet. */
  constructor(directory: StagingDirectory, ownFile: string, slot: Slot | null) {
    this.#directory = directory;
    this.#ownFile = ownFile;
    this.#slot = slot;
    this.#fd = slot === null ? directory.openNewFile(ownFile) : directory.openFile(slot.file);
    this.#sink = new FileSink({ fd: this.#fd, offsetBytes: slot?.offsetBytes ?? 0 });
  }

  /** @throws {AppError} UPLOAD_INVALID when the upload has ended meanwhile; the errno error of whatever fails. */
  write(chunk: Uint8Array): Promise<void> {
    this.#requireLive();
    this.#underWay = this.#append(chunk);
    return this.#underWay;
  }

  /** Resolves when all is written. @throws as `write` does. */
  async finish(): Promise<WrittenPart> {
    await this.#sink.flush();
    this.#requireLive();
    const { file, offsetBytes } = this.#slot ?? { file: this.#ownFile, offsetBytes: 0 };
    return { file, offsetBytes, sizeBytes: this.#sizeBytes, etag: this.#hash.digest("hex") };
  }

  /** Resolves when no byte of it will be written any more; what is tried afterwards fails. */
  async revoke(): Promise<void> {
    this.#isRevoked = true;
    await this.#settle();
  }

  /** Removes what it wrote to a file of its own. */
  discard(): void {
    if (this.#slot === null) this.#directory.remove(this.#ownFile);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#settle();
    closeSync(this.#fd);
  }

  #requireLive(): void {
    if (this.#isRevoked) throw new AppError("UPLOAD_INVALID", "Cannot store the part: the upload has ended");
  }

  async #settle(): Promise<void> {
    await this.#underWay.catch(() => undefined);
    await this.#sink.flush().catch(() => undefined);
  }

  async #append(chunk: Uint8Array): Promise<void> {
    if (this.#slot !== null && this.#sizeBytes + chunk.length > this.#slot.sizeBytes) await this.#leaveSlot(this.#slot);
    const written = this.#sink.write(chunk);
    // While it is written, as both take about as long.
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.length;
    await written;
  }

  async #leaveSlot(slot: Slot): Promise<void> {
    await this.#sink.flush();
    const fd = this.#directory.openNewFile(this.#ownFile);
    const slotFd = this.#fd;
    this.#fd = fd;
    this.#slot = null;
    this.#sink = new FileSink({ fd, offsetBytes: this.#sizeBytes });
    try {
      await copyRange({ fd: slotFd, offsetBytes: slot.offsetBytes }, { fd, offsetBytes: 0 }, this.#sizeBytes);
    } finally {
      closeSync(slotFd);
    }
  }
}
