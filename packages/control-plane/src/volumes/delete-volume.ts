import { AppError } from "@dormouse/kernel";
import type { VolumeRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import type { VolumeContext } from "./context.ts";
import { requireVolume } from "./find-volume.ts";

/** Its data is erased and its name free when this resolves. @throws {AppError} VOLUME_NOT_FOUND, VOLUME_IN_USE */
export async function deleteVolume(context: VolumeContext, { workspace, name }: VolumeRecord): Promise<VolumeRecord> {
  return context.changeOf({ workspace, name }, async () =>
    eraseVolume(context, await requireVolume(context.store, workspace, name)),
  );
}

/** Marks DELETING first, so that no sandbox takes it meanwhile. Can be repeated after a failure. */
export async function eraseVolume(
  { store, engine, clock }: ControlPlaneDeps,
  volume: VolumeRecord,
): Promise<VolumeRecord> {
  const updatedAtMs = clock();
  if (!(await store.volumes.markDeleting(volume.id, updatedAtMs))) {
    const { attachedTo } = (await store.volumes.find(volume.workspace, volume.name)) ?? volume;
    throw new AppError(
      "VOLUME_IN_USE",
      `Cannot delete volume "${volume.name}": it is attached to sandbox "${attachedTo?.name ?? "unknown"}"`,
      { hint: "Delete that sandbox first" },
    );
  }
  await engine.removeVolume(volume.id);
  await store.volumes.remove(volume.id);
  return { ...volume, status: "DELETING", updatedAtMs };
}
