import { KeyedMutex } from "@dormouse/kernel";
import type { ImageRecord } from "@dormouse/store";
import { eraseBuild } from "../builds/end-build.ts";
import type { ControlPlaneDeps } from "../ports.ts";
import type { SandboxContext } from "../sandboxes/context.ts";

/** What the use cases of images work with: the ports, and one change at a time to whom an image is shared with. */
export interface ImageContext extends ControlPlaneDeps {
  readonly changeOf: <T>(imageId: string, change: () => Promise<T>) => Promise<T>;
  /** Ends the build of an image that is gone, and forgets how its sandbox was built. */
  readonly endBuildOf: (image: ImageRecord) => Promise<void>;
}

export function createImageContext(deps: SandboxContext): ImageContext {
  const changes = new KeyedMutex();
  return {
    ...deps,
    changeOf: (imageId, change) => changes.run(imageId, change),
    endBuildOf: async ({ workspace, name }) => {
      const build = deps.builds.find({ workspace, kind: "image", name });
      if (build !== undefined) await eraseBuild(deps, build);
      const ofSandbox = deps.builds.find({ workspace, kind: "sandbox", name });
      if (ofSandbox?.status === "DONE") await eraseBuild(deps, ofSandbox);
    },
  };
}
