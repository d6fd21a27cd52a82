import type { Directory, FileEntry } from "@dormouse/schema";
import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileEntry } from "./file-info.ts";
import { loadOwners } from "./owners.ts";
import type { FilePath } from "./paths.ts";

/** One level of a directory, in byte order of the names. Links are listed as files, whatever they point to. */
export function listDirectory({ absolute, shown }: FilePath): Directory {
  const owners = loadOwners();
  const files: FileEntry[] = [];
  const subdirectories: { path: string; name: string }[] = [];
  for (const name of readNames(absolute)) {
    const stats = lstat(join(absolute, name));
    const path = join(shown, name);
    if (stats === undefined) continue;
    if (stats.isDirectory()) subdirectories.push({ path, name });
    else files.push(fileEntry(path, name, stats, owners));
  }
  return { path: shown, name: basename(shown) || "/", files, subdirectories };
}

function readNames(directory: string): string[] {
  return readdirSync(directory, { encoding: "buffer" })
    .sort((a, b) => Buffer.compare(a, b))
    .map((name) => name.toString());
}

/** Undefined when the entry has vanished since its name was read. */
function lstat(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}
