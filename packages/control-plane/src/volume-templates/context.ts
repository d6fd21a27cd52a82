import { KeyedMutex } from "@dormouse/kernel";
import type { VolumeTemplateName, WorkspaceName } from "@dormouse/schema";
import type { ControlPlaneDeps } from "../ports.ts";
import { UploadSlots } from "../uploads/upload-slots.ts";

/** What the use cases of volume templates work with: the ports, one change at a time for each template, and a bound on uploads. */
export interface VolumeTemplateContext extends ControlPlaneDeps {
  readonly changeOf: <T>(template: VolumeTemplatePlace, change: () => Promise<T>) => Promise<T>;
  readonly uploadSlots: UploadSlots;
}

export interface VolumeTemplatePlace {
  readonly workspace: WorkspaceName;
  readonly name: VolumeTemplateName;
}

export function createVolumeTemplateContext(deps: ControlPlaneDeps): VolumeTemplateContext {
  const changes = new KeyedMutex();
  return {
    ...deps,
    changeOf: ({ workspace, name }, change) => changes.run(`${workspace}/${name}`, change),
    uploadSlots: new UploadSlots(),
  };
}
