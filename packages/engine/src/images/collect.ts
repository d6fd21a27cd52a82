import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { AppError, faultPoint } from "@dormouse/kernel";
import type { CollectedImages } from "@dormouse/schema";
import { sizeOf } from "./examine.ts";
import type { DiscardedLayer, ImageStore } from "./store.ts";

export interface Collection {
  readonly images: ImageStore;
  /** Layers under sandboxes of any kind; undefined while that cannot be told of one of them. */
  readonly layersOfSandboxes: () => ReadonlySet<string> | undefined;
}

const LOCK_TIMEOUT_MS = 60_000;
const LOCK_INTERVAL_MS = 50;

/**
 * Erases layers that no image, no sandbox and nothing under way uses. What is used is decided and put out of sight in one go, in
 * which nothing else of this process happens; what was cut off after it is finished by the next engine.
 * @throws ENGINE_UNAVAILABLE while another process adds an image
 */
export async function collectImages({ images, layersOfSandboxes }: Collection): Promise<CollectedImages> {
  const lock = await patientLock(images);
  let discarded: DiscardedLayer[];
  try {
    const ofSandboxes = layersOfSandboxes();
    if (ofSandboxes === undefined) return { layerCount: 0, freedBytes: 0 };
    discarded = images.discard(ofSandboxes.union(images.usedLayers()));
  } finally {
    lock[Symbol.dispose]();
  }
  faultPoint("engine.images.discarded");
  const folders = discarded.map(({ dir }) => dir);
  const freedBytes = await sizeOf(folders);
  await erase(folders);
  return { layerCount: discarded.length, freedBytes };
}

/** Erases what an engine that was killed left half-made. */
export const sweepImages = (images: ImageStore): Promise<void> => erase(images.leftovers());

async function erase(folders: readonly string[]): Promise<void> {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
}

async function patientLock(images: ImageStore): Promise<Disposable> {
  const deadlineMs = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    const lock = images.tryLock();
    if (lock !== undefined) return lock;
    if (performance.now() > deadlineMs) {
      throw new AppError("ENGINE_UNAVAILABLE", "Cannot clean up images: another process is adding one");
    }
    await delay(LOCK_INTERVAL_MS);
  }
}
