import { SingleFlight } from "@dormouse/kernel";
import type { CollectedImages, EnginePort } from "@dormouse/schema";
import type { ImageBuilds } from "./builds/image-builds.ts";
import { collectImages } from "./images/collect.ts";
import type { ImageDeps } from "./images/import-layout.ts";
import type { RegistryDeps } from "./images/skopeo.ts";
import { pushImage } from "./images/transfer.ts";
import type { Sandboxes } from "./sandboxes.ts";
import type { Volumes } from "./volumes/volumes.ts";

export interface EngineParts {
  readonly sandboxes: Sandboxes;
  readonly volumes: Volumes;
  /** The image store, and what brings images in and out. */
  readonly imageTools: ImageDeps & RegistryDeps;
  readonly builds: ImageBuilds;
}

/** What the server may ask, and which part answers. */
export function enginePort({ sandboxes, volumes, imageTools, builds }: EngineParts): EnginePort {
  const { images } = imageTools;
  const collecting = new SingleFlight<CollectedImages>();
  return {
    readyIds: (image) => sandboxes.readyIds(image),
    create: (spec) => sandboxes.create(spec),
    assertRoom: (id, memoryMiB) => sandboxes.assertRoom(id, memoryMiB),
    get: (id) => sandboxes.get(id),
    list: () => sandboxes.list(),
    memory: (id) => sandboxes.memory(id),
    sleep: (id) => sandboxes.sleep(id),
    thaw: (id) => sandboxes.thaw(id),
    wake: (id) => sandboxes.wake(id),
    forbidRestart: (id, reason) => sandboxes.forbidRestart(id, reason),
    remove: (id) => sandboxes.remove(id),
    stats: () => sandboxes.stats(),
    createVolume: (id, sizeMiB, source) => volumes.create(id, sizeMiB, source),
    unpackVolume: (id, sizeMiB, archive) => volumes.unpack(id, sizeMiB, archive),
    resizeVolume: (id, sizeMiB) => volumes.resize(id, sizeMiB),
    removeVolume: (id) => volumes.remove(id),
    images: () => Promise.resolve(images.list()),
    buildImage: (id, request, context) => builds.buildImage(id, request, context),
    image: (id) => builds.image(id),
    waitForImage: (id) => builds.waitForImage(id),
    imageLog: (id, options) => builds.imageLog(id, options),
    removeImage: (id) => builds.removeImage(id),
    pushImage: async (id, reference, credentials) => {
      const { signal } = new AbortController();
      return pushImage(imageTools, { image: images.image(id), reference, credentials, signal });
    },
    collectImages: () =>
      collecting.run("collect", async () => {
        const cacheBytes = await builds.collectCaches();
        const collected = await collectImages({ images, layersOfSandboxes: () => sandboxes.layersInUse() });
        return { ...collected, freedBytes: collected.freedBytes + cacheBytes };
      }),
  };
}
