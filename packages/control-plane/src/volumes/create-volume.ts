import { AppError, randomId } from "@dormouse/kernel";
import { VolumeId, type VolumeCreateRequest } from "@dormouse/schema";
import type { VolumeRecord } from "@dormouse/store";
import { volumeEvent } from "./events.ts";
import type { VolumeContext, VolumePlace } from "./context.ts";
import { eraseVolume } from "./delete-volume.ts";
import { resolveTemplate, type TemplateSource } from "../volume-templates/find-template.ts";

const DEFAULT_SIZE_MB = 1024;

export interface NewVolume extends VolumePlace {
  readonly request: VolumeCreateRequest;
}

/**
 * Resolves once the volume can be attached; a failure leaves nothing behind.
 * @throws {AppError} VOLUME_ALREADY_EXISTS, INVALID_ARGUMENT, and what the engine says
 */
export async function createVolume(context: VolumeContext, wanted: NewVolume): Promise<VolumeRecord> {
  return context.changeOf(wanted, async () => {
    const left = await context.store.volumes.find(wanted.workspace, wanted.name);
    if (left !== undefined && left.status !== "DEPLOYED") await eraseVolume(context, left);
    const { template } = wanted.request.spec;
    const source =
      template === undefined ? undefined : await resolveTemplate(context.store, wanted.workspace, template);
    return make(context, newRecord(context, wanted, source), source);
  });
}

/** Record first, so that a server that dies in between knows at its next start what to clean up. */
async function make(
  context: VolumeContext,
  record: VolumeRecord,
  source: TemplateSource | undefined,
): Promise<VolumeRecord> {
  const { store, engine, clock } = context;
  await store.volumes.insert(record);
  try {
    await engine.createVolume(record.id, record.sizeMb, source?.version.id);
    const event = volumeEvent("DEPLOYED", "Volume is ready", clock());
    const made = await store.volumes.change(record.id, { status: "DEPLOYED", event, updatedAtMs: clock() });
    if (made === undefined) throw new AppError("INTERNAL", `Cannot finish volume "${record.name}": its record is gone`);
    return made;
  } catch (error) {
    await eraseVolume(context, record);
    throw error;
  }
}

function newRecord(
  { clock }: VolumeContext,
  { workspace, name, request }: NewVolume,
  source: TemplateSource | undefined,
): VolumeRecord {
  const { metadata, spec } = request;
  const nowMs = clock();
  return {
    id: VolumeId.parse(randomId()),
    workspace,
    name,
    displayName: metadata.displayName,
    externalId: metadata.externalId,
    labels: metadata.labels ?? {},
    sizeMb: spec.size ?? source?.template.defaultSizeMb ?? DEFAULT_SIZE_MB,
    region: spec.region,
    template: source && `${source.template.name}:${source.version.name}`,
    status: "DEPLOYING",
    attachedTo: undefined,
    events: [volumeEvent("DEPLOYING", "Volume is being made", nowMs)],
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}
