import { toAppError } from "@dormouse/kernel";
import type { TemplateVersionRecord, VolumeTemplateRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { eraseTemplate, eraseVersion } from "./delete-template.ts";

const INTERRUPTED = "Cannot unpack the archive: the server was stopped meanwhile; upload it again";

/** At start: a deletion that was cut off is finished, a version that was being unpacked has failed. What cannot be settled waits. */
export async function recoverVolumeTemplates(deps: ControlPlaneDeps): Promise<void> {
  for (const template of await deps.store.volumeTemplates.unsettled()) {
    const about = { event: "volume_template.recover", volumeTemplate: template.name, workspace: template.workspace };
    try {
      await settle(deps, template);
      deps.log.warn({ ...about, outcome: template.isDeleting ? "removed" : "settled" });
    } catch (error) {
      deps.log.error({ ...about, outcome: "failure", code: toAppError(error).code });
    }
  }
}

async function settle(deps: ControlPlaneDeps, template: VolumeTemplateRecord): Promise<void> {
  if (template.isDeleting) return eraseTemplate(deps, template);
  for (const version of template.versions) await settleVersion(deps, version);
}

async function settleVersion(deps: ControlPlaneDeps, version: TemplateVersionRecord): Promise<void> {
  if (version.status === "DELETING") return eraseVersion(deps, version);
  if (version.status !== "UNPACKING") return;
  await deps.engine.removeVolume(version.id);
  await deps.store.volumeTemplates.finishVersion(version.id, { status: "FAILED", error: INTERRUPTED });
}
