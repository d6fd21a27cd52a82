import type { Directory, FileEntry } from "@dormouse/schema";
import { type BigIntStats, lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileEntry } from "./file-info.ts";
import { loadOwners } from "./owners.ts";
import type { FilePath } from "./paths.ts";
import { Turn } from "./turn.ts";

/** One level of a directory, in byte order of the names. Links are listed as files, whatever they point to. */
export async function listDirectory({ absolute, shown }: FilePath): Promise<Directory> {
  const owners = loadOwners();
  const turn = new Turn();
  const files: FileEntry[] = [];
  const subdirectories: { path: string; name: string }[] = [];
  for (const name of await readNames(absolute)) {
    await turn.share();
    const stats = lstat(join(absolute, name));
    const path = join(shown, name);
    if (stats === undefined) continue;
    if (stats.isDirectory()) subdirectories.push({ path, name });
    else files.push(fileEntry(path, name, stats, owners));
  }
  return { path: shown, name: basename(shown) || "/", files, subdirectories };
}

async function readNames(directory: string): Promise<string[]> {
  const names = await readdir(directory, { encoding: "buffer" });
  return names.sort((a, b) => Buffer.compare(a, b)).map((name) => name.toString());
}

/** Undefined when the entry has vanished since its name was read. */
function lstat(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}
