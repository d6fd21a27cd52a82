import { lstatSync, readlinkSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { runCommand } from "../run-command.ts";
import { BASH, type ImageConfig, type ImageManifest, ImageStore } from "./store.ts";

/** Files of an image, or the difference to the layers below as overlayfs writes it. */
export interface ImportedLayer {
  /** Name of the layer: the same digest means the same files, which are then not copied again. */
  readonly digest: string;
  /** The layer's root on this host, left as it is. */
  readonly rootDir: string;
}

export interface ImportRequest {
  readonly imagesDir: string;
  readonly name: string;
  readonly tag: string;
  /** Topmost first. */
  readonly layers: readonly ImportedLayer[];
  readonly config: ImageConfig;
}

/** Makes folders the layers of an image. Files are hard-linked where the file system allows it, else copied. */
export async function importImage({ imagesDir, layers, ...image }: ImportRequest): Promise<ImageManifest> {
  const store = new ImageStore(imagesDir);
  for (const { digest, rootDir } of layers) {
    if (!isThere(store.layerDir(digest))) await copyTree(rootDir, store.layerDir(digest));
  }
  const digests = layers.map(({ digest }) => digest);
  const dirs = digests.map((digest) => store.layerDir(digest));
  const sizes = await runCommand(["du", "-sb", ...dirs]);
  const manifest: ImageManifest = {
    ...image,
    layers: digests,
    hasGlibc: hasGlibcLoader(dirs),
    hasBash: existsInside(dirs, BASH),
    sizeBytes: sizes
      .trim()
      .split("\n")
      .reduce((sum, line) => sum + Number(line.split("\t")[0]), 0),
    createdAtMs: Date.now(),
  };
  store.tag(manifest);
  return manifest;
}

async function copyTree(source: string, target: string): Promise<void> {
  const partial = `${target}.new`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(dirname(partial), { recursive: true });
  await runCommand(["cp", "-al", source, partial]).catch(async () => {
    await rm(partial, { recursive: true, force: true });
    await runCommand(["cp", "-a", "--reflink=auto", source, partial]);
  });
  await rename(partial, target);
}

/** True when the loader glibc programs name is in the image; links are followed inside it, never out of it. */
function hasGlibcLoader(layerDirs: readonly string[]): boolean {
  return ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].some((path) => existsInside(layerDirs, path));
}

const MAX_LINKS = 40;

function existsInside(layerDirs: readonly string[], path: string): boolean {
  let current = "/";
  const pending = path.split("/").filter(Boolean);
  for (let linkCount = 0; pending.length > 0;) {
    const next = posix.join(current, pending.shift() ?? "");
    const file = topmost(layerDirs, next);
    if (file === null) return false;
    if (!lstatSync(file).isSymbolicLink()) {
      current = next;
      continue;
    }
    if (++linkCount > MAX_LINKS) return false;
    const target = readlinkSync(file);
    if (target.startsWith("/")) current = "/";
    pending.unshift(...target.split("/").filter(Boolean));
  }
  return true;
}

/** The file on this host that the layers show at `path`; null where there is none, or a layer has deleted it. */
function topmost(layerDirs: readonly string[], path: string): string | null {
  const file = layerDirs.map((dir) => join(dir, path)).find(isThere);
  return file === undefined || isWhiteout(file) ? null : file;
}

/** How overlayfs writes that a file below is deleted: a character device 0:0. */
function isWhiteout(file: string): boolean {
  const stats = lstatSync(file);
  return stats.isCharacterDevice() && stats.rdev === 0;
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
