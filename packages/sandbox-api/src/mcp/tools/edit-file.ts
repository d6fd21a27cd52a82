import { AppError } from "@dormouse/kernel";
import { readFileSync, writeFileSync } from "node:fs";
import type { FilePath } from "../../files/paths.ts";
import { WriteTarget } from "../../files/write-target.ts";
import { requireTextFile } from "./read-text-file.ts";

export interface TextEdit {
  readonly oldString: string;
  readonly newString: string;
  readonly replaceAll?: boolean | undefined;
}

/**
 * Replaces `oldString` in a file, bytes outside it staying as they are; mode and owner too. Without a break from reading to writing,
 * so that parallel edits do not undo each other. @throws {AppError} INVALID_ARGUMENT, UNPROCESSABLE, and then nothing has changed.
 */
export function editFile(path: FilePath, { oldString, newString, replaceAll }: TextEdit) {
  if (oldString === "") throw refusal("oldString must not be empty");
  if (oldString === newString) throw refusal("oldString and newString are identical");
  const { size } = requireTextFile(path, "edit it with a program, see processExecute");
  // A file without size may be one of those of /proc that make their reader wait.
  const content = size === 0n ? Buffer.alloc(0) : readFileSync(path.absolute);
  const pieces = split(content, Buffer.from(oldString));
  const count = pieces.length - 1;
  if (count === 0) {
    throw refusal(`oldString not found in ${path.shown}. Re-read the file and retry: it may have changed since`);
  }
  if (count > 1 && replaceAll !== true) {
    const advice = "add surrounding lines to make the match unique, or set replaceAll to true";
    throw refusal(`oldString matches ${count} places in ${path.shown}: ${advice}`);
  }
  using target = new WriteTarget(path.absolute);
  writeFileSync(target.fd, join(pieces, Buffer.from(newString)));
  target.commit(null);
  return { path: path.shown, occurrencesReplaced: count };
}

/** What lies around each occurrence of `separator`. */
function split(content: Buffer, separator: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (let at = content.indexOf(separator); at >= 0; at = content.indexOf(separator, from)) {
    pieces.push(content.subarray(from, at));
    from = at + separator.length;
  }
  return [...pieces, content.subarray(from)];
}

function join(pieces: readonly Buffer[], separator: Buffer): Buffer {
  return Buffer.concat(pieces.flatMap((piece, index) => (index === 0 ? [piece] : [separator, piece])));
}

const refusal = (message: string): AppError => new AppError("INVALID_ARGUMENT", message);
