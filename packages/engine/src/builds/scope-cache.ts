import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { EngineImageId } from "@dormouse/schema";
import type { Layout } from "../layout.ts";
import { runCommand } from "../run-command.ts";
import { MAPPED_ROOT_ID } from "../user-namespace.ts";
import { makeImage } from "../volumes/images.ts";
import { untilUnmounted, withMountedImage } from "../volumes/loop-mounts.ts";
import { readScopeImages } from "./scope-images.ts";

/** Folders of a cache's file system: layers made before; and of one build, its temporary files and the image it makes. */
const LAYERS = "graph";
const OF_ONE_BUILD = ["tmp", "out"];
/** Fuller than this, the layers made before are let go: buildah only ever adds. */
const FULL_SHARE = 0.7;
/** Of the disk's free space, what a new cache may come to. */
const DISK_SHARE = 0.8;
const MIB = 1024 * 1024;
const IMAGE_SUFFIX = ".img";
/** Unit of `st_blocks` (stat(2)). */
const STAT_BLOCK_BYTES = 512;

export interface CacheMount {
  readonly imageFile: string;
  readonly maxSizeMiB: number;
  /** Where it is mounted while `use` runs. */
  readonly target: string;
}

/**
 * Runs `use` with the cache of one scope, which is a file system of its own: what a build writes has an end, and no other scope sees
 * it. What `use` started there must have ended. @throws HOST_FULL
 */
export async function withScopeCache<T>(
  { imageFile, maxSizeMiB, target }: CacheMount,
  use: () => Promise<T>,
): Promise<T> {
  if (!existsSync(imageFile)) await makeImage(imageFile, Math.min(maxSizeMiB, sharedDiskMiB(imageFile)), target);
  try {
    return await withMountedImage(imageFile, target, async () => {
      await prepareFolders(target);
      try {
        return await use();
      } finally {
        await emptyFolders(OF_ONE_BUILD.map((name) => join(target, name)));
      }
    });
  } finally {
    await untilUnmounted(imageFile);
  }
}

/** Resolves with how many bytes of disk were freed. */
export async function collectScopeCaches(
  layout: Pick<Layout, "buildCachesDir" | "buildCacheFile" | "buildScopeFile">,
  isUsed: (scope: string, images: readonly EngineImageId[]) => boolean,
): Promise<number> {
  const names = readdirSync(layout.buildCachesDir()).filter((name) => name.endsWith(IMAGE_SUFFIX));
  const scopes = names.map((name) => name.slice(0, -IMAGE_SUFFIX.length));
  const unused = scopes.filter((scope) => !isUsed(scope, [...readScopeImages(layout.buildScopeFile(scope)).values()]));
  const files = unused.map((scope) => layout.buildCacheFile(scope));
  const sizes = files.map((file) => statSync(file).blocks * STAT_BLOCK_BYTES);
  for (const scope of unused) rmSync(layout.buildScopeFile(scope), { force: true });
  await Promise.all(files.map((file) => rm(file, { force: true })));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function sharedDiskMiB(imageFile: string): number {
  const { bavail, bsize } = statfsSync(dirname(imageFile));
  return Math.floor((bavail * bsize * DISK_SHARE) / MIB);
}

/** The folder above them is the engine's, so no build puts anything in their place. */
async function prepareFolders(target: string): Promise<void> {
  chownSync(target, 0, 0);
  for (const name of [LAYERS, ...OF_ONE_BUILD]) {
    const dir = join(target, name);
    if (existsSync(dir)) continue;
    mkdirSync(dir, { mode: 0o700 });
    chownSync(dir, MAPPED_ROOT_ID, MAPPED_ROOT_ID);
  }
  const { blocks, bavail } = statfsSync(target);
  const toEmpty = bavail < blocks * (1 - FULL_SHARE) ? [LAYERS, ...OF_ONE_BUILD] : OF_ONE_BUILD;
  await emptyFolders(toEmpty.map((name) => join(target, name)));
}

/** By a program: there may be more in them, and deeper, than this process has time for. */
async function emptyFolders(dirs: readonly string[]): Promise<void> {
  await runCommand(["find", ...dirs, "-mindepth", "1", "-delete"]);
}
