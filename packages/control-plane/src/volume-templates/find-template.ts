import { AppError } from "@dormouse/kernel";
import { LATEST_TEMPLATE_VERSION, type WorkspaceName } from "@dormouse/schema";
import type { Store, TemplateVersionRecord, VolumeTemplateRecord } from "@dormouse/store";

/** @throws {AppError} VOLUME_TEMPLATE_NOT_FOUND */
export async function requireTemplate(
  store: Store,
  workspace: WorkspaceName,
  name: string,
): Promise<VolumeTemplateRecord> {
  const template = await store.volumeTemplates.find(workspace, name);
  if (template !== undefined) return template;
  throw new AppError(
    "VOLUME_TEMPLATE_NOT_FOUND",
    `Cannot find volume template "${name}": workspace "${workspace}" has none of that name`,
    { hint: "List the volume templates to see their names" },
  );
}

/** The versions that are not on their way out, oldest first. */
export const liveVersions = ({ versions }: VolumeTemplateRecord): TemplateVersionRecord[] =>
  versions.filter(({ status }) => status !== "DELETING");

/** The ready version that was uploaded last. */
export function latestVersion(template: VolumeTemplateRecord): TemplateVersionRecord | undefined {
  const ready = template.versions.filter(({ status }) => status === "READY");
  return ready.toSorted((one, other) => (one.uploadedAtMs ?? 0) - (other.uploadedAtMs ?? 0)).at(-1);
}

export interface TemplateSource {
  readonly template: VolumeTemplateRecord;
  readonly version: TemplateVersionRecord;
}

/** What `name`, `name:version` or `name:latest` means now. @throws {AppError} INVALID_ARGUMENT when no volume can be made of it */
export async function resolveTemplate(
  store: Store,
  workspace: WorkspaceName,
  reference: string,
): Promise<TemplateSource> {
  const [name = "", versionName = LATEST_TEMPLATE_VERSION, ...rest] = reference.split(":");
  const template = rest.length > 0 ? undefined : await store.volumeTemplates.find(workspace, name);
  if (template === undefined || template.isDeleting) {
    throw refuse(reference, `workspace "${workspace}" has no such volume template`, "Create the template first");
  }
  const isLatest = versionName === LATEST_TEMPLATE_VERSION;
  const version = isLatest ? latestVersion(template) : liveVersions(template).find(({ name }) => name === versionName);
  if (version?.status === "READY") return { template, version };
  if (isLatest) throw refuse(reference, "it has no version that is ready", "Upload one first");
  if (version === undefined)
    throw refuse(reference, "the template has no such version", "Read the template to see them");
  throw refuse(reference, version.error ?? "that version is not uploaded yet", "Upload the version, or take another");
}

const refuse = (reference: string, state: string, hint: string): AppError =>
  new AppError("INVALID_ARGUMENT", `Cannot make a volume from template "${reference}": ${state}`, { hint });
