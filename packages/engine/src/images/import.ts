import { lstatSync, readlinkSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { runCommand } from "../run-command.ts";
import { BASH, type ImageConfig, type ImageManifest, ImageStore } from "./store.ts";

export interface ImportRequest {
  readonly imagesDir: string;
  readonly name: string;
  readonly tag: string;
  /** Name of the layer: the same digest means the same files, which are then not copied again. */
  readonly digest: string;
  /** The image's root on this host, left as it is. */
  readonly rootDir: string;
  readonly config: ImageConfig;
}

/** Makes a folder an image of one layer. Files are hard-linked where the file system allows it, else copied. */
export async function importImage(request: ImportRequest): Promise<ImageManifest> {
  const store = new ImageStore(request.imagesDir);
  const layer = store.layerDir(request.digest);
  if (!isThere(layer)) await copyTree(request.rootDir, layer);
  const manifest: ImageManifest = {
    name: request.name,
    tag: request.tag,
    layers: [request.digest],
    hasGlibc: hasGlibcLoader(layer),
    hasBash: existsInside(layer, BASH),
    sizeBytes: Number((await runCommand(["du", "-sb", layer])).split("\t")[0]),
    createdAtMs: Date.now(),
    config: request.config,
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
function hasGlibcLoader(rootDir: string): boolean {
  return ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].some((path) => existsInside(rootDir, path));
}

const MAX_LINKS = 40;

function existsInside(rootDir: string, path: string): boolean {
  let current = "/";
  const pending = path.split("/").filter(Boolean);
  for (let linkCount = 0; pending.length > 0;) {
    const name = pending.shift() ?? "";
    const next = posix.join(current, name);
    if (!isThere(join(rootDir, next))) return false;
    if (!lstatSync(join(rootDir, next)).isSymbolicLink()) {
      current = next;
      continue;
    }
    if (++linkCount > MAX_LINKS) return false;
    const target = readlinkSync(join(rootDir, next));
    if (target.startsWith("/")) current = "/";
    pending.unshift(...target.split("/").filter(Boolean));
  }
  return true;
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
