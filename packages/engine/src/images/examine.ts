import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../run-command.ts";
import { isOpaque } from "../syscalls.ts";
import { BASH } from "./manifest.ts";

export interface Examined {
  readonly hasGlibc: boolean;
  readonly hasBash: boolean;
  readonly sizeBytes: number;
}

/** What a sandbox has to know of an image's layers, whose folders are given topmost first. */
export async function examineLayers(layerDirs: readonly string[]): Promise<Examined> {
  return {
    hasGlibc: LOADERS.some((path) => existsInside(layerDirs, path)),
    hasBash: existsInside(layerDirs, BASH),
    sizeBytes: await sizeOf(layerDirs),
  };
}

/** Bytes of the files in the folders. */
export async function sizeOf(dirs: readonly string[]): Promise<number> {
  if (dirs.length === 0) return 0;
  const lines = (await runCommand(["du", "-sb", ...dirs])).trim().split("\n");
  return lines.reduce((sum, line) => sum + Number(line.split("\t")[0]), 0);
}

/** What programs made for glibc name as their loader. */
const LOADERS = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
const MAX_LINKS = 40;

/** Links are followed inside the image, never out of it. */
function existsInside(layerDirs: readonly string[], path: string): boolean {
  let current: string[] = [];
  const pending = path.split("/");
  for (let linkCount = 0; pending.length > 0;) {
    const part = pending.shift() ?? "";
    if (part === "" || part === ".") continue;
    if (part === "..") {
      current.pop();
      continue;
    }
    const file = shownAt(layerDirs, [...current, part]);
    if (file === undefined) return false;
    if (!lstatSync(file).isSymbolicLink()) {
      current.push(part);
      continue;
    }
    if (++linkCount > MAX_LINKS) return false;
    const target = readlinkSync(file);
    if (target.startsWith("/")) current = [];
    pending.unshift(...target.split("/"));
  }
  return true;
}

/** The file on this host that the layers show at a path without links; undefined where there is none, or a layer has deleted it. */
function shownAt(layerDirs: readonly string[], parts: readonly string[]): string | undefined {
  let merged = [...layerDirs];
  for (const [depth, part] of parts.entries()) {
    const files = merged.map((dir) => join(dir, part)).filter(isThere);
    const [top] = files;
    if (top === undefined || isWhiteout(top)) return undefined;
    if (depth === parts.length - 1) return top;
    merged = mergedFolders(files);
  }
  return undefined;
}

/** Those whose content shows in one folder: down to the first that is no folder, or hides what is below. */
function mergedFolders(files: readonly string[]): string[] {
  const endsAt = files.findIndex((file) => !lstatSync(file).isDirectory());
  const folders = endsAt === -1 ? [...files] : files.slice(0, endsAt);
  const opaqueAt = folders.findIndex(isOpaque);
  return opaqueAt === -1 ? folders : folders.slice(0, opaqueAt + 1);
}

/** How overlayfs writes that a file below is deleted: a character device 0:0. */
function isWhiteout(file: string): boolean {
  const stats = lstatSync(file);
  return stats.isCharacterDevice() && stats.rdev === 0;
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
