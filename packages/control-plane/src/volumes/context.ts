import { KeyedMutex } from "@dormouse/kernel";
import type { VolumeName, WorkspaceName } from "@dormouse/schema";
import type { ControlPlaneDeps } from "../ports.ts";

/** What the use cases of volumes work with: the ports, and one change at a time for each volume. */
export interface VolumeContext extends ControlPlaneDeps {
  readonly changeOf: <T>(volume: VolumePlace, change: () => Promise<T>) => Promise<T>;
}

export interface VolumePlace {
  readonly workspace: WorkspaceName;
  readonly name: VolumeName;
}

export function createVolumeContext(deps: ControlPlaneDeps): VolumeContext {
  const changes = new KeyedMutex();
  return { ...deps, changeOf: ({ workspace, name }, change) => changes.run(`${workspace}/${name}`, change) };
}
