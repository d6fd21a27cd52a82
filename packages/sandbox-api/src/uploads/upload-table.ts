import { AppError } from "@dormouse/kernel";
import { statSync } from "node:fs";
import { complete } from "./complete.ts";
import { StagingDirectory } from "./staging-directory.ts";
import { Upload, type UploadInfo } from "./upload.ts";
import type { UploadJournals } from "./upload-journals.ts";

const MAX_UPLOADS = 1000;
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

/** Uploads that were begun and neither completed nor aborted, those of an earlier run of the agent included. */
export class UploadTable {
  readonly #journals: UploadJournals;
  #uploads: Map<string, Upload> | null = null;

  constructor(journals: UploadJournals) {
    this.#journals = journals;
  }

  /** Begins an upload to an absolute path. @throws {AppError} UNPROCESSABLE; the errno error of whatever fails. */
  async initiate(path: string, mode: number | null): Promise<UploadInfo> {
    await this.removeAbandoned();
    const uploads = this.#load();
    if (uploads.size >= MAX_UPLOADS) throw unprocessable(`${MAX_UPLOADS} uploads are open`);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      throw unprocessable(`${path} is a directory`);
    const uploadId = crypto.randomUUID();
    using directory = StagingDirectory.create(path, uploadId);
    const info = { uploadId, path, mode, initiatedAtMs: Date.now(), staging: directory.place };
    try {
      this.#journals.create(info);
    } catch (error) {
      directory.removeAll();
      throw error;
    }
    uploads.set(uploadId, this.#newUpload(info, []));
    return info;
  }

  /** @throws {AppError} UPLOAD_NOT_FOUND */
  get(uploadId: string): Upload {
    const upload = this.#load().get(uploadId);
    if (upload === undefined) throw new AppError("UPLOAD_NOT_FOUND", `upload not found: ${uploadId}`);
    return upload;
  }

  list(): readonly Upload[] {
    return [...this.#load().values()];
  }

  /**
   * Puts the listed parts together as the destination, which ends the upload. When it fails the upload is as before.
   * @throws {AppError} UPLOAD_NOT_FOUND, UPLOAD_INVALID; the errno error of whatever fails.
   */
  async complete(uploadId: string, listed: Parameters<Upload["select"]>[0]): Promise<UploadInfo> {
    const upload = this.get(uploadId);
    const sequence = upload.select(listed);
    this.#load().delete(uploadId);
    await upload.revokeWriters();
    try {
      await complete(upload, sequence);
    } catch (error) {
      this.#load().set(uploadId, upload);
      throw error;
    }
    this.#journals.remove(uploadId);
    return upload.info;
  }

  /** @throws {AppError} UPLOAD_NOT_FOUND */
  async abort(uploadId: string): Promise<void> {
    await this.#drop(this.get(uploadId));
  }

  /** Ends the uploads nobody has gone on with for a day. */
  async removeAbandoned(): Promise<void> {
    const sinceMs = Date.now() - ABANDONED_AFTER_MS;
    for (const upload of this.list()) if (upload.lastActivityAtMs < sinceMs) await this.#drop(upload);
  }

  async #drop(upload: Upload): Promise<void> {
    this.#load().delete(upload.info.uploadId);
    await upload.revokeWriters();
    this.#journals.remove(upload.info.uploadId);
    removeStaging(upload);
  }

  #load(): Map<string, Upload> {
    if (this.#uploads !== null) return this.#uploads;
    const saved = this.#journals.load();
    this.#uploads = new Map(saved.map(({ info, parts }) => [info.uploadId, this.#newUpload(info, parts)]));
    return this.#uploads;
  }

  #newUpload(info: UploadInfo, parts: ConstructorParameters<typeof Upload>[1]): Upload {
    return new Upload(info, parts, (part) => this.#journals.append(info.uploadId, part));
  }
}

/** Somebody may have removed it, or put another one in its place, which is not ours to touch. */
function removeStaging({ info }: Upload): void {
  try {
    using directory = StagingDirectory.open(info.staging);
    directory.removeAll();
  } catch {
    // Nothing of this upload is left to remove.
  }
}

const unprocessable = (reason: string): AppError =>
  new AppError("UNPROCESSABLE", `error initiating multipart upload: ${reason}`);
