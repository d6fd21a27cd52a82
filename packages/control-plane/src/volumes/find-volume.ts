import { AppError } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { Store, VolumeRecord } from "@dormouse/store";

/** @throws {AppError} VOLUME_NOT_FOUND */
export async function requireVolume(store: Store, workspace: WorkspaceName, name: string): Promise<VolumeRecord> {
  const volume = await store.volumes.find(workspace, name);
  if (volume !== undefined) return volume;
  throw new AppError(
    "VOLUME_NOT_FOUND",
    `Cannot find volume "${name}": workspace "${workspace}" has none of that name`,
    {
      hint: "List the volumes to see their names",
    },
  );
}

/** @throws {AppError} VOLUME_NOT_FOUND */
export async function requireVolumeByExternalId(
  store: Store,
  workspace: WorkspaceName,
  externalId: string,
): Promise<VolumeRecord> {
  const volume = await store.volumes.findByExternalId(workspace, externalId);
  if (volume !== undefined) return volume;
  throw new AppError("VOLUME_NOT_FOUND", `Cannot find a volume: none has the external id "${externalId}"`);
}
