import type { VolumeTemplateAnswer, VolumeTemplateVersionAnswer } from "@dormouse/schema";
import type { TemplateVersionRecord, VolumeTemplateRecord } from "@dormouse/store";
import { latestVersion, liveVersions } from "./find-template.ts";

/** A template as clients see it. */
export function renderTemplate(template: VolumeTemplateRecord): VolumeTemplateAnswer {
  const { displayName, description } = template;
  return {
    metadata: {
      name: template.name,
      ...(displayName !== undefined && { displayName }),
      labels: { ...template.labels },
      workspace: template.workspace,
      createdAt: timeOf(template.createdAtMs),
      updatedAt: timeOf(template.updatedAtMs),
    },
    spec: { defaultSize: template.defaultSizeMb, ...(description !== undefined && { description }) },
    state: stateOf(template),
    versions: liveVersions(template).map((version) => renderVersion(template, version)),
  };
}

/** A version as clients see it. Its id is its name: that is what volumes ask for. */
export function renderVersion(
  { name, workspace }: VolumeTemplateRecord,
  { name: version, status, contentBytes, error }: TemplateVersionRecord,
): VolumeTemplateVersionAnswer {
  return {
    name: version,
    versionId: version,
    templateName: name,
    workspace,
    status: status === "READY" || status === "FAILED" ? status : "CREATED",
    ...(contentBytes !== undefined && { contentSize: contentBytes }),
    ...(error !== undefined && { error }),
  };
}

function stateOf(template: VolumeTemplateRecord): VolumeTemplateAnswer["state"] {
  const versions = liveVersions(template);
  const latest = latestVersion(template);
  if (latest === undefined) {
    const hasFailed = versions.at(-1)?.status === "FAILED";
    return { status: hasFailed ? "error" : "created", versionCount: versions.length };
  }
  const lastVersionUploadedAt = timeOf(latest.uploadedAtMs ?? latest.createdAtMs);
  return { status: "ready", latestVersion: latest.name, versionCount: versions.length, lastVersionUploadedAt };
}

const timeOf = (atMs: number): string => new Date(atMs).toISOString();
