import { AppError } from "@dormouse/kernel";
import type { Stats } from "node:fs";
import { lstat, realpath, stat } from "node:fs/promises";
import { basename } from "node:path";
import { hasErrorCode, systemErrorText } from "../http.ts";
import { type EntryKind, listDirectory, type ListedEntry } from "./list-directory.ts";
import { pseudoMountPoints } from "./pseudo-mounts.ts";
import { TimeSlice } from "./time-slice.ts";

export interface WalkEntry {
  /** Relative to the root. */
  readonly path: string;
  readonly absolutePath: string;
  readonly name: string;
  readonly kind: EntryKind;
}

export interface WalkOptions {
  readonly signal: AbortSignal;
  /** Base names of directories that are left out with all they hold. Default: `DEFAULT_EXCLUDED_DIRECTORIES`. */
  readonly excludedDirectories?: ReadonlySet<string>;
  /** Leaves out what starts with a dot. */
  readonly isHiddenSkipped?: boolean;
}

/** A directory on the way to where the walk is. */
interface Level {
  readonly path: string;
  readonly absolutePath: string;
  readonly rest: Iterator<ListedEntry>;
}

export const DEFAULT_EXCLUDED_DIRECTORIES: ReadonlySet<string> = new Set(
  "node_modules,vendor,.git,dist,build,target,__pycache__,.venv,.next,coverage".split(","),
);

/**
 * Everything below `root`, each directory before what it holds, names in byte order. Nothing is left out for the root's own
 * name, a root that is a file is its own only entry, links are never followed, directories that cannot be read or have
 * vanished count as empty, and the kernel's own filesystems are entered only when the root is one of their directories.
 * Ends when the signal aborts. @throws {AppError} FILE_NOT_FOUND for a root that is not there, UNPROCESSABLE for one out of reach
 */
export async function* walk(root: string, options: WalkOptions): AsyncGenerator<WalkEntry, void, undefined> {
  const { rootPath, stats } = await lookUpRoot(root);
  if (stats.isDirectory()) {
    yield* walkBelow(rootPath, options);
    return;
  }
  const kind = stats.isFile() ? "file" : "other";
  yield { path: basename(root), absolutePath: rootPath, name: basename(root), kind };
}

async function* walkBelow(root: string, options: WalkOptions): AsyncGenerator<WalkEntry, void, undefined> {
  const skippedMounts = await pseudoMountPoints();
  const { signal, excludedDirectories = DEFAULT_EXCLUDED_DIRECTORIES, isHiddenSkipped = false } = options;
  const isWanted = ({ name, kind, absolutePath }: WalkEntry): boolean => {
    if (isHiddenSkipped && name.startsWith(".")) return false;
    return kind !== "directory" || !(excludedDirectories.has(name) || skippedMounts.has(absolutePath));
  };
  const slice = new TimeSlice();
  const levels: Level[] = [{ path: "", absolutePath: root, rest: await listDirectory(root, slice) }];
  for (let level = levels.at(-1); level !== undefined && !signal.aborted; level = levels.at(-1)) {
    if (slice.isOver) await slice.next();
    const next = level.rest.next();
    if (next.done === true) {
      levels.pop();
      continue;
    }
    const entry = await entryOf(level, next.value);
    if (!isWanted(entry)) continue;
    yield entry;
    if (entry.kind === "directory") levels.push({ ...entry, rest: await listDirectory(entry.absolutePath, slice) });
  }
}

async function lookUpRoot(root: string): Promise<{ rootPath: string; stats: Stats }> {
  try {
    const rootPath = await realpath(root);
    return { rootPath, stats: await stat(rootPath) };
  } catch (cause) {
    const isMissing = hasErrorCode(cause, "ENOENT") || hasErrorCode(cause, "ENOTDIR");
    throw new AppError(isMissing ? "FILE_NOT_FOUND" : "UNPROCESSABLE", systemErrorText(cause), { cause });
  }
}

function entryOf(level: Level, { name, kind }: ListedEntry): WalkEntry | Promise<WalkEntry> {
  const path = level.path === "" ? name : `${level.path}/${name}`;
  const absolutePath = level.absolutePath === "/" ? `/${name}` : `${level.absolutePath}/${name}`;
  if (kind !== null) return { path, absolutePath, name, kind };
  return lookUpKind(absolutePath).then((found) => ({ path, absolutePath, name, kind: found }));
}

async function lookUpKind(path: string): Promise<EntryKind> {
  const stats = await lstat(path).catch(() => null);
  if (stats === null) return "other";
  if (stats.isDirectory()) return "directory";
  return stats.isFile() ? "file" : "other";
}
