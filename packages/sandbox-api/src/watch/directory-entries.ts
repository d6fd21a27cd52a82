import { closeSync, constants, openSync } from "node:fs";
import { toBuffer } from "./byte-paths.ts";
import type { WatchCalls } from "./system-calls.ts";

export interface DirectoryEntry {
  /** Byte string. */
  readonly name: string;
  /** Null where the filesystem does not tell. */
  readonly isDirectory: boolean | null;
}

const TYPE_OFFSET = 18;
const NAME_OFFSET = 19;
const DT_UNKNOWN = 0;
const DT_DIR = 4;
const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Shared by all listings: each takes out what it was given before anyone else is asked. */
const buffer = Buffer.alloc(16 * 1024);

/**
 * Entries of a directory, some hundreds at a time, each lot as of the moment it is taken: a directory of any size is listed
 * without stopping everything else. One that is gone or closed to us has none.
 */
export function* listEntries(calls: WatchCalls, path: string): Generator<readonly DirectoryEntry[]> {
  const fd = orNull(() => openSync(toBuffer(path), FLAGS));
  if (fd === null) return;
  try {
    for (;;) {
      const entries = nextEntries(calls, fd);
      if (entries === null) return;
      yield entries;
    }
  } finally {
    closeSync(fd);
  }
}

function orNull(action: () => number): number | null {
  try {
    return action();
  } catch {
    return null;
  }
}

function nextEntries(calls: WatchCalls, fd: number): DirectoryEntry[] | null {
  // Fails when the directory was removed since it was opened.
  const lengthBytes = orNull(() => calls.readEntries(fd, buffer)) ?? 0;
  if (lengthBytes === 0) return null;
  const entries: DirectoryEntry[] = [];
  for (let offset = 0; offset < lengthBytes; offset += buffer.readUInt16LE(offset + 16)) {
    const nameAt = offset + NAME_OFFSET;
    const name = buffer.toString("latin1", nameAt, buffer.indexOf(0, nameAt));
    const type = buffer[offset + TYPE_OFFSET];
    if (name !== "." && name !== "..")
      entries.push({ name, isDirectory: type === DT_UNKNOWN ? null : type === DT_DIR });
  }
  return entries;
}
