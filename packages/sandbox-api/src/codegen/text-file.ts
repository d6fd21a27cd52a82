import { AppError } from "@dormouse/kernel";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { WriteTarget } from "../files/write-target.ts";
import { orUnprocessable } from "../http.ts";

export const MAX_TEXT_BYTES = 2 * 1024 * 1024;

/**
 * The text of the file, empty when there is none. @throws {AppError} INVALID_ARGUMENT for a directory, UNPROCESSABLE for what
 * is no text or larger than 2 MiB.
 */
export function readTextFile(path: string): Promise<string> {
  return orUnprocessable("error reading file", () => {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return "";
    if (stats.isDirectory()) throw new AppError("INVALID_ARGUMENT", `Cannot edit "${path}": it is a directory`);
    if (!stats.isFile()) throw notEditable(path, "it is not a regular file");
    if (stats.size > MAX_TEXT_BYTES) throw notEditable(path, `it is larger than ${MAX_TEXT_BYTES} bytes`);
    return decode(path, readFileSync(path));
  });
}

function decode(path: string, bytes: Buffer): string {
  if (bytes.includes(0)) throw notEditable(path, "it is binary");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw notEditable(path, "it is binary or not UTF-8");
  }
}

const notEditable = (path: string, state: string) => new AppError("UNPROCESSABLE", `Cannot edit "${path}": ${state}`);

/** Replaces the text; a new file gets the mode 0644 and its parents. @throws {AppError} UNPROCESSABLE */
export function writeTextFile(path: string, text: string): Promise<void> {
  return orUnprocessable("error writing file", () => {
    using target = new WriteTarget(path);
    writeFileSync(target.fd, text);
    target.commit(null);
  });
}
