import { AppError } from "@dormouse/kernel";
import type { VolumeUpdateRequest } from "@dormouse/schema";
import type { VolumeChange, VolumeRecord } from "@dormouse/store";
import { volumeEvent } from "./events.ts";
import type { VolumeContext } from "./context.ts";
import { requireVolume } from "./find-volume.ts";

/**
 * Renames, relabels and grows a volume. What the request leaves out stays, `null` clears.
 * @throws {AppError} VOLUME_NOT_FOUND, INVALID_ARGUMENT to make it smaller, and what the engine says
 */
export async function updateVolume(
  context: VolumeContext,
  { workspace, name }: VolumeRecord,
  request: VolumeUpdateRequest,
): Promise<VolumeRecord> {
  const { store, clock } = context;
  return context.changeOf({ workspace, name }, async () => {
    const volume = await requireVolume(store, workspace, name);
    const grown = await grow(context, volume, request);
    const { metadata } = request;
    const changed = await store.volumes.change(volume.id, {
      displayName: patch(volume.displayName, metadata.displayName),
      externalId: patch(volume.externalId, metadata.externalId),
      labels: patch(volume.labels, metadata.labels) ?? {},
      ...grown,
      updatedAtMs: clock(),
    });
    return changed ?? requireVolume(store, workspace, name);
  });
}

async function grow(
  { engine, clock }: VolumeContext,
  volume: VolumeRecord,
  { spec }: VolumeUpdateRequest,
): Promise<Pick<VolumeChange, "sizeMb" | "event">> {
  if ((spec.template ?? volume.template) !== volume.template) {
    throw new AppError("INVALID_ARGUMENT", `Cannot fill volume "${volume.name}" from a template: it is made already`);
  }
  const sizeMb = spec.size ?? volume.sizeMb;
  if (sizeMb === volume.sizeMb) return {};
  if (sizeMb < volume.sizeMb) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot shrink volume "${volume.name}" to ${sizeMb} MB: it has ${volume.sizeMb} MB`,
      { hint: "Volumes can only grow; make a smaller one and copy the files" },
    );
  }
  await engine.resizeVolume(volume.id, sizeMb);
  return { sizeMb, event: volumeEvent("DEPLOYED", `Volume has grown to ${sizeMb} MB`, clock()) };
}

function patch<T>(current: T, wanted: T | null | undefined): T | undefined {
  if (wanted === undefined) return current;
  return wanted ?? undefined;
}
