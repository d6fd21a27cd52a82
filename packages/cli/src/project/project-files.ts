import { readdirSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import type { IgnoreRules } from "./ignore.ts";

/** What goes into an archive: a file of the project, or content of our own. */
export type ArchiveEntry = FileEntry | FolderEntry | ContentEntry;

export interface FileEntry {
  readonly kind: "file";
  /** In the archive, with forward slashes. */
  readonly name: string;
  /** Where it lies, links resolved. */
  readonly path: string;
  readonly sizeBytes: number;
}

export interface FolderEntry {
  readonly kind: "folder";
  /** Ends with a slash. */
  readonly name: string;
  /** Type and permissions, as `stat` gives them. */
  readonly mode: number;
  readonly modifiedAt: Date;
}

export interface ContentEntry {
  readonly kind: "content";
  readonly name: string;
  readonly content: Buffer;
  readonly mode: number;
}

export interface ProjectFiles {
  /** In the order of their names, each folder before what is in it. */
  readonly entries: readonly (FileEntry | FolderEntry)[];
  /** Links that lead out of the project, or nowhere, and were left out. */
  readonly skippedLinks: readonly string[];
}

interface Walk {
  /** The project's folder, links resolved. */
  readonly root: string;
  readonly rules: Pick<IgnoreRules, "isIgnored">;
  readonly entries: (FileEntry | FolderEntry)[];
  readonly skippedLinks: string[];
}

/**
 * Every file below `root` that the rules leave. Links are followed, as an archive has none, but never out of the project; sockets,
 * pipes and devices are no files.
 */
export function listProjectFiles(root: string, rules: Pick<IgnoreRules, "isIgnored">): ProjectFiles {
  const walk: Walk = { root: realpathSync(root), rules, entries: [], skippedLinks: [] };
  addFolder(walk, walk.root, "", [walk.root]);
  return walk;
}

/** `parents` are the real folders above and including this one: a link back to one of them would never end. */
function addFolder(walk: Walk, folder: string, prefix: string, parents: readonly string[]): void {
  for (const child of readdirSync(folder, { withFileTypes: true }).sort(byName)) {
    const name = `${prefix}${child.name}`;
    if (walk.rules.isIgnored(name)) continue;
    const path = child.isSymbolicLink() ? targetOf(walk, join(folder, child.name)) : join(folder, child.name);
    if (path === undefined || parents.includes(path)) {
      walk.skippedLinks.push(name);
      continue;
    }
    addEntry(walk, path, name, parents);
  }
}

function addEntry(walk: Walk, path: string, name: string, parents: readonly string[]): void {
  const stats = statSync(path);
  if (stats.isFile()) walk.entries.push({ kind: "file", name, path, sizeBytes: stats.size });
  if (!stats.isDirectory()) return;
  walk.entries.push({ kind: "folder", name: `${name}/`, mode: stats.mode, modifiedAt: stats.mtime });
  addFolder(walk, path, `${name}/`, [...parents, path]);
}

/** What a link leads to, when that is inside the project. */
function targetOf({ root }: Walk, link: string): string | undefined {
  try {
    const target = realpathSync(link);
    return target === root || target.startsWith(root + sep) ? target : undefined;
  } catch {
    return undefined;
  }
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
