import { appendFileSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stagingPath } from "./staging-directory.ts";
import type { PartRecord, UploadInfo } from "./upload.ts";

const SUFFIX = ".jsonl";
const UPLOAD_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const PART_FILE = /^(?:whole|part-\d+-[0-9a-z]+)$/;

export interface SavedUpload {
  readonly info: UploadInfo;
  readonly parts: readonly PartRecord[];
}

/**
 * What has to be known of uploads when the agent starts again: a file for each, to which its parts are appended. They lie in a
 * directory of the agent's own and not beside the parts, where whoever may write to the destination could change them.
 */
export class UploadJournals {
  readonly #candidates: readonly string[];
  #directory: string | null = null;

  /** The first of `candidates` that can be used is used, and made when there is something to keep. */
  constructor(candidates: readonly string[]) {
    this.#candidates = candidates;
  }

  create(info: UploadInfo): void {
    writeFileSync(this.#pathOf(info.uploadId), `${JSON.stringify(info)}\n`, { mode: 0o600, flag: "wx" });
  }

  append(uploadId: string, part: PartRecord): void {
    appendFileSync(this.#pathOf(uploadId), `${JSON.stringify(part)}\n`);
  }

  remove(uploadId: string): void {
    rmSync(this.#pathOf(uploadId), { force: true });
  }

  /** Every upload that was neither completed nor aborted. */
  load(): SavedUpload[] {
    this.#directory ??= this.#candidates.find(isOwn) ?? null;
    if (this.#directory === null) return [];
    const names = readdirSync(this.#directory).filter((name) => name.endsWith(SUFFIX));
    return names.flatMap((name) => this.#read(name.slice(0, -SUFFIX.length)) ?? []);
  }

  #read(uploadId: string): SavedUpload | null {
    const [first, ...rest] = readFileSync(this.#pathOf(uploadId), "utf8").split("\n").map(parseLine);
    if (!isUploadInfo(first) || first.uploadId !== uploadId) return null;
    return { info: first, parts: rest.filter(isPartRecord) };
  }

  #pathOf(uploadId: string): string {
    return join(this.#usable(), uploadId + SUFFIX);
  }

  #usable(): string {
    this.#directory ??= this.#candidates.find(canBeMade) ?? null;
    if (this.#directory === null)
      throw new Error(`no directory for the state of uploads: ${this.#candidates.join(", ")}`);
    return this.#directory;
  }
}

function canBeMade(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return isOwn(directory);
  } catch {
    return false;
  }
}

/** What others can write to is not to be trusted. */
function isOwn(directory: string): boolean {
  const stats = lstatSync(directory, { throwIfNoEntry: false });
  return stats !== undefined && stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o022) === 0;
}

/** Undefined for the line a sudden end has cut. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isUploadInfo(value: unknown): value is UploadInfo {
  if (!isRecord(value) || !isRecord(value["staging"])) return false;
  const { uploadId, path, mode, initiatedAtMs, staging } = value;
  return (
    isString(uploadId, UPLOAD_ID) &&
    isString(path, /^\//) &&
    (mode === null || isCount(mode)) &&
    isCount(initiatedAtMs) &&
    isString(staging["path"], /^\//) &&
    staging["path"] === stagingPath(dirname(staging["path"]), uploadId) &&
    isCount(staging["device"]) &&
    isCount(staging["inode"])
  );
}

function isPartRecord(value: unknown): value is PartRecord {
  if (!isRecord(value)) return false;
  const { partNumber, etag, sizeBytes, uploadedAtMs, file, offsetBytes } = value;
  const isDescribed = isString(etag, /^[0-9a-f]{32}$/) && isString(file, PART_FILE);
  return isDescribed && [partNumber, sizeBytes, uploadedAtMs, offsetBytes].every(isCount);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isString = (value: unknown, pattern: RegExp): value is string => typeof value === "string" && pattern.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
