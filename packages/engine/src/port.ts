import { AppError } from "@dormouse/kernel";
import type { EngineImagePort, EnginePort } from "@dormouse/schema";
import type { ImageStore } from "./images/store.ts";
import type { Sandboxes } from "./sandboxes.ts";
import type { Volumes } from "./volumes/volumes.ts";

export interface EngineParts {
  readonly sandboxes: Sandboxes;
  readonly volumes: Volumes;
  readonly images: ImageStore;
}

/** What the server may ask, and which part answers. */
export function enginePort({ sandboxes, volumes, images }: EngineParts): EnginePort {
  return {
    newId: (image) => sandboxes.newId(image),
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
    ...cannotBuildYet,
  };
}

const refuse = (): Promise<never> =>
  Promise.reject(new AppError("HOST_UNSUITABLE", "Cannot build images: this engine does not do that yet"));

const cannotBuildYet: Omit<EngineImagePort, "images"> = {
  buildImage: refuse,
  image: refuse,
  waitForImage: refuse,
  imageLog: refuse,
  removeImage: refuse,
  pushImage: refuse,
  collectImages: refuse,
};
