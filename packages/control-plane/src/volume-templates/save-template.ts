import { randomId } from "@dormouse/kernel";
import type { TemplateVersionName, VolumeTemplateRequest } from "@dormouse/schema";
import type { VolumeTemplateRecord } from "@dormouse/store";
import { addVersion } from "./add-version.ts";
import type { VolumeTemplateContext, VolumeTemplatePlace } from "./context.ts";
import { eraseTemplate } from "./delete-template.ts";
import { requireTemplate } from "./find-template.ts";

export interface WantedTemplate extends VolumeTemplatePlace {
  readonly request: VolumeTemplateRequest;
  /** A version that will be uploaded; without a name it gets the next number. */
  readonly upload: { readonly version: TemplateVersionName | undefined } | undefined;
}

export interface SavedTemplate {
  readonly template: VolumeTemplateRecord;
  /** Opens the upload, once. */
  readonly uploadSecret: string | undefined;
}

const DEFAULT_SIZE_MB = 1024;

/** @throws {AppError} VOLUME_TEMPLATE_ALREADY_EXISTS */
export function createTemplate(context: VolumeTemplateContext, wanted: WantedTemplate): Promise<SavedTemplate> {
  return context.changeOf(wanted, async () => {
    await insert(context, wanted);
    return withUpload(context, wanted);
  });
}

/**
 * Changes a template, or makes it. What the request leaves out stays, `null` clears.
 * @throws {AppError} VOLUME_TEMPLATE_ALREADY_EXISTS when the version wanted has been uploaded
 */
export function saveTemplate(context: VolumeTemplateContext, wanted: WantedTemplate): Promise<SavedTemplate> {
  return context.changeOf(wanted, async () => {
    const current = await context.store.volumeTemplates.find(wanted.workspace, wanted.name);
    if (current === undefined || current.isDeleting) await insert(context, wanted);
    else await change(context, current, wanted.request);
    return withUpload(context, wanted);
  });
}

async function insert(context: VolumeTemplateContext, { workspace, name, request }: WantedTemplate): Promise<void> {
  const { store, clock } = context;
  const left = await store.volumeTemplates.find(workspace, name);
  if (left?.isDeleting === true) await eraseTemplate(context, left);
  const { metadata, spec } = request;
  const nowMs = clock();
  await store.volumeTemplates.insert({
    id: randomId(),
    workspace,
    name,
    displayName: metadata.displayName ?? undefined,
    labels: metadata.labels ?? {},
    defaultSizeMb: spec.defaultSize ?? DEFAULT_SIZE_MB,
    description: spec.description ?? undefined,
    isDeleting: false,
    versions: [],
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  });
}

async function change(
  { store, clock }: VolumeTemplateContext,
  current: VolumeTemplateRecord,
  { metadata, spec }: VolumeTemplateRequest,
): Promise<void> {
  await store.volumeTemplates.change(current.id, {
    displayName: patch(current.displayName, metadata.displayName),
    labels: patch(current.labels, metadata.labels) ?? {},
    defaultSizeMb: patch(current.defaultSizeMb, spec.defaultSize) ?? DEFAULT_SIZE_MB,
    description: patch(current.description, spec.description),
    updatedAtMs: clock(),
  });
}

async function withUpload(context: VolumeTemplateContext, wanted: WantedTemplate): Promise<SavedTemplate> {
  const { workspace, name, upload } = wanted;
  const template = await requireTemplate(context.store, workspace, name);
  if (upload === undefined) return { template, uploadSecret: undefined };
  const uploadSecret = await addVersion(context, template, upload.version);
  return { template: await requireTemplate(context.store, workspace, name), uploadSecret };
}

function patch<T>(current: T, wanted: T | null | undefined): T | undefined {
  if (wanted === undefined) return current;
  return wanted ?? undefined;
}
