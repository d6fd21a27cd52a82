import type { VolumeAnswer } from "@dormouse/schema";
import type { VolumeRecord } from "@dormouse/store";

/** A volume as clients see it. */
export function renderVolume(volume: VolumeRecord): VolumeAnswer {
  const { displayName, externalId, region, template, attachedTo } = volume;
  return {
    metadata: {
      name: volume.name,
      ...(displayName !== undefined && { displayName }),
      ...(externalId !== undefined && { externalId }),
      labels: { ...volume.labels },
      workspace: volume.workspace,
      createdAt: new Date(volume.createdAtMs).toISOString(),
      updatedAt: new Date(volume.updatedAtMs).toISOString(),
    },
    spec: {
      size: volume.sizeMb,
      ...(region !== undefined && { region }),
      ...(template !== undefined && { template }),
    },
    state: attachedTo === undefined ? {} : { attachedTo: `sandbox:${attachedTo.name}` },
    status: volume.status,
    events: [...volume.events],
  };
}
