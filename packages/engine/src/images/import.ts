import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../run-command.ts";
import { examineLayers } from "./examine.ts";
import type { ImageConfig, TaggedImage } from "./manifest.ts";
import { ImageStore } from "./store.ts";

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

/**
 * Makes folders the layers of an image, also while an engine runs on the store. Files are hard-linked where the file system allows
 * it, else copied.
 */
export async function importImage({ imagesDir, layers, ...image }: ImportRequest): Promise<TaggedImage> {
  const store = new ImageStore(imagesDir);
  using _ = store.lockShared();
  for (const { digest, rootDir } of layers) {
    if (!existsSync(store.layerDir(digest))) await copyLayer(store, digest, rootDir);
  }
  const digests = layers.map(({ digest }) => digest);
  const examined = await examineLayers(digests.map((digest) => store.layerDir(digest)));
  const manifest: TaggedImage = { ...image, layers: digests, ...examined, createdAtMs: Date.now() };
  store.tag(manifest);
  return manifest;
}

async function copyLayer(store: ImageStore, digest: string, rootDir: string): Promise<void> {
  await using draft = store.newDraft();
  const copy = join(draft.dir, "layer");
  await runCommand(["cp", "-al", rootDir, copy]).catch(async () => {
    await rm(copy, { recursive: true, force: true });
    await runCommand(["cp", "-a", "--reflink=auto", rootDir, copy]);
  });
  store.addLayer(digest, copy);
}
