import { AppError } from "@dormouse/kernel";
import { type BigIntStats, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { fileEntry } from "../../files/file-info.ts";
import { loadOwners } from "../../files/owners.ts";
import type { FilePath } from "../../files/paths.ts";

/** More is too much for one message, and for whoever has to read it. */
const MAX_TEXT_BYTES = 10 * 1024 * 1024;
/** Binary content grows up to twelvefold on its way through JSON. */
const MAX_BINARY_BYTES = 256 * 1024;
const BINARY_PROBE_BYTES = 8192;
const READ_PARTS = "read parts of it with codegenReadFileRange";

/** A file and its text. @throws {AppError} UNPROCESSABLE when it is too large or no file; the errno error of what fails. */
export async function readTextFile(path: FilePath) {
  const stats = requireTextFile(path, READ_PARTS);
  const bytes = await readAtMost(path.absolute, MAX_TEXT_BYTES + 1);
  if (bytes.length > MAX_TEXT_BYTES) throw tooLarge(path, `more than ${MAX_TEXT_BYTES}`, READ_PARTS);
  if (bytes.length > MAX_BINARY_BYTES && bytes.subarray(0, BINARY_PROBE_BYTES).includes(0)) throw binary(path);
  const entry = fileEntry(path.shown, path.shown, stats, loadOwners());
  return { ...entry, lastModified: withoutFraction(entry.lastModified), content: bytes.toString("utf8") };
}

/**
 * What `stat` says of a file that is small enough to be taken as a whole; `instead` is what to do with a larger one.
 * @throws {AppError} UNPROCESSABLE when it is no regular file, TOO_LARGE; the errno error of `stat`.
 */
export function requireTextFile(path: FilePath, instead: string): BigIntStats {
  const stats = statSync(path.absolute, { bigint: true });
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? "a directory" : "not a regular file";
    throw new AppError("UNPROCESSABLE", `${path.shown} is ${kind}`);
  }
  if (stats.size > MAX_TEXT_BYTES) throw tooLarge(path, String(stats.size), instead);
  return stats;
}

/** On another thread: some files of /proc make their reader wait. */
async function readAtMost(path: string, maxBytes: number): Promise<Buffer> {
  await using file = await open(path);
  const chunks: Buffer[] = [];
  for (let leftBytes = maxBytes; leftBytes > 0;) {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.allocUnsafe(Math.min(leftBytes, 1024 * 1024)) });
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    leftBytes -= bytesRead;
  }
  return Buffer.concat(chunks);
}

function tooLarge({ shown }: FilePath, sizeBytes: string, instead: string): AppError {
  const size = `${shown} has ${sizeBytes} bytes, at most ${MAX_TEXT_BYTES} can be taken at once`;
  return new AppError("TOO_LARGE", `${size}: ${instead}`);
}

function binary({ shown }: FilePath): AppError {
  const limit = `${shown} is binary and larger than ${MAX_BINARY_BYTES} bytes`;
  const ways = "download it over HTTP, look at it with processExecute, or read lines of it with codegenReadFileRange";
  return new AppError("UNPROCESSABLE", `${limit}: ${ways}`);
}

const withoutFraction = (time: string): string => time.replace(/\.\d+/, "");
