import { AppError } from "@dormouse/kernel";
import type { TemplateVersionRecord, VolumeTemplateRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import type { VolumeTemplateContext } from "./context.ts";
import { liveVersions, requireTemplate } from "./find-template.ts";

/** With all its versions; volumes made of it stay. @throws {AppError} VOLUME_TEMPLATE_NOT_FOUND */
export function deleteTemplate(context: VolumeTemplateContext, template: VolumeTemplateRecord): Promise<void> {
  return context.changeOf(template, async () =>
    eraseTemplate(context, await requireTemplate(context.store, template.workspace, template.name)),
  );
}

/** Resolves with the template without it. @throws {AppError} VOLUME_TEMPLATE_NOT_FOUND, INVALID_ARGUMENT for its only version */
export function deleteVersion(
  context: VolumeTemplateContext,
  { workspace, name }: VolumeTemplateRecord,
  versionName: string,
): Promise<VolumeTemplateRecord> {
  const { store } = context;
  return context.changeOf({ workspace, name }, async () => {
    const versions = liveVersions(await requireTemplate(store, workspace, name));
    const version = versions.find((live) => live.name === versionName);
    if (version === undefined) {
      throw new AppError(
        "VOLUME_TEMPLATE_NOT_FOUND",
        `Cannot find version "${versionName}": volume template "${name}" has none of that name`,
        { hint: "Read the template to see its versions" },
      );
    }
    if (versions.length === 1) {
      throw new AppError("INVALID_ARGUMENT", `Cannot delete version "${versionName}": it is the template's only one`, {
        hint: "Delete the template",
      });
    }
    await eraseVersion(context, version);
    return requireTemplate(store, workspace, name);
  });
}

/** Marks first, so that nothing is made of it meanwhile. Can be repeated after a failure. */
export async function eraseTemplate(
  { store, engine }: ControlPlaneDeps,
  template: VolumeTemplateRecord,
): Promise<void> {
  await store.volumeTemplates.markDeleting(template.id);
  for (const { id } of template.versions) await engine.removeVolume(id);
  await store.volumeTemplates.remove(template.id);
}

/** As `eraseTemplate`; an upload of it that is under way ends. */
export async function eraseVersion({ store, engine }: ControlPlaneDeps, { id }: TemplateVersionRecord): Promise<void> {
  await store.volumeTemplates.markVersionDeleting(id);
  await engine.removeVolume(id);
  await store.volumeTemplates.removeVersion(id);
}
