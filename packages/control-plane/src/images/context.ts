import { KeyedMutex } from "@dormouse/kernel";
import type { ControlPlaneDeps } from "../ports.ts";

/** What the use cases of images work with: the ports, and one change at a time to whom an image is shared with. */
export interface ImageContext extends ControlPlaneDeps {
  readonly changeOf: <T>(imageId: string, change: () => Promise<T>) => Promise<T>;
}

export function createImageContext(deps: ControlPlaneDeps): ImageContext {
  const changes = new KeyedMutex();
  return { ...deps, changeOf: (imageId, change) => changes.run(imageId, change) };
}
