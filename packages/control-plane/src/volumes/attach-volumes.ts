import { AppError } from "@dormouse/kernel";
import { VolumeId, type EngineVolumeMount, type SandboxSpec } from "@dormouse/schema";
import type { SandboxRecord, Store, VolumeRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { volumeEvent } from "./events.ts";

/** The volumes a new sandbox names, all of them free. @throws {AppError} INVALID_ARGUMENT for an unknown one, VOLUME_IN_USE */
export async function requireFreeVolumes(store: Store, { workspace, spec }: SandboxRecord): Promise<VolumeRecord[]> {
  return Promise.all(
    namesIn(spec).map(async (name) => {
      const volume = await store.volumes.find(workspace, name);
      if (volume === undefined || volume.status === "DELETING") {
        throw new AppError("INVALID_ARGUMENT", `Cannot attach volume "${name}": workspace "${workspace}" has none`, {
          hint: "Create the volume first",
        });
      }
      if (volume.attachedTo === undefined) return volume;
      throw new AppError(
        "VOLUME_IN_USE",
        `Cannot attach volume "${name}": sandbox "${volume.attachedTo.name}" has it`,
        {
          hint: "Delete that sandbox first; a volume belongs to one sandbox at a time",
        },
      );
    }),
  );
}

/** They are the sandbox's from now on, until it is deleted. @throws {AppError} VOLUME_IN_USE, then none of them is */
export async function attachVolumes(
  { store, clock }: ControlPlaneDeps,
  { id, name }: SandboxRecord,
  volumes: readonly VolumeRecord[],
): Promise<void> {
  if (volumes.length === 0) return;
  const event = volumeEvent("DEPLOYED", `Volume is attached to sandbox "${name}"`, clock());
  const ids = volumes.map((volume) => volume.id);
  await store.volumes.attach(id, ids, event);
}

/** Frees the volumes of a sandbox that is gone from the engine. Idempotent. */
export async function releaseVolumes(
  { store, clock }: ControlPlaneDeps,
  { id, name, spec }: SandboxRecord,
): Promise<void> {
  if (namesIn(spec).length === 0) return;
  await store.volumes.release(id, volumeEvent("DEPLOYED", `Volume is free: sandbox "${name}" is deleted`, clock()));
}

/** The volumes of a sandbox as the engine mounts them; `attached` are the persistent ones. */
export function toEngineMounts(spec: SandboxSpec, attached: readonly VolumeRecord[]): EngineVolumeMount[] {
  const idOf = new Map(attached.map(({ name, id }) => [name, id]));
  return (spec.volumes ?? []).map(({ name, type, mountPath, readOnly, sizeMb }, index) => {
    const mount = { mountPath, readOnly };
    if (type === "ephemeral" && sizeMb !== undefined) {
      return { ...mount, id: VolumeId.parse(`ephemeral${index}`), sizeMiB: sizeMb };
    }
    const id = name && idOf.get(name);
    if (id !== undefined) return { ...mount, id };
    throw new AppError("VOLUME_NOT_FOUND", `Cannot mount volume "${name ?? ""}": it is gone`);
  });
}

const namesIn = ({ volumes = [] }: SandboxSpec) =>
  volumes.flatMap(({ name, type }) => (type === "persistent" && name !== undefined ? [name] : []));
