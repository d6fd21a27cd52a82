import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import { TemplateVersionName, VolumeId } from "@dormouse/schema";
import type { TemplateVersionRecord, VolumeTemplateRecord } from "@dormouse/store";
import { hashSecret } from "../secrets.ts";
import type { VolumeTemplateContext } from "./context.ts";
import { eraseVersion } from "./delete-template.ts";

/** How long the address of an upload can be used. */
const UPLOAD_LIFETIME_MS = 60 * 60_000;

/**
 * Adds a version to be uploaded, in place of one of that name which never came to be ready, and resolves with the secret that
 * opens its upload. @throws {AppError} VOLUME_TEMPLATE_ALREADY_EXISTS
 */
export async function addVersion(
  context: VolumeTemplateContext,
  template: VolumeTemplateRecord,
  wantedName: TemplateVersionName | undefined,
): Promise<string> {
  const name = wantedName ?? nextNumber(template);
  const earlier = template.versions.find((version) => version.name === name);
  if (earlier !== undefined) await replace(context, template, earlier);
  const uploadSecret = randomSecret();
  const nowMs = context.clock();
  await context.store.volumeTemplates.insertVersion({
    id: VolumeId.parse(randomId()),
    templateId: template.id,
    name,
    status: "CREATED",
    error: undefined,
    contentBytes: undefined,
    uploadHash: hashSecret(uploadSecret),
    uploadExpiresAtMs: nowMs + UPLOAD_LIFETIME_MS,
    uploadedAtMs: undefined,
    createdAtMs: nowMs,
  });
  return uploadSecret;
}

async function replace(
  context: VolumeTemplateContext,
  { name }: VolumeTemplateRecord,
  earlier: TemplateVersionRecord,
): Promise<void> {
  if (earlier.status === "READY" || earlier.status === "UNPACKING") {
    const state = earlier.status === "READY" ? "it is uploaded already" : "it is being uploaded now";
    throw new AppError("VOLUME_TEMPLATE_ALREADY_EXISTS", `Cannot upload "${name}:${earlier.name}": ${state}`, {
      hint: "A version never changes; upload another one, or delete this one first",
    });
  }
  await eraseVersion(context, earlier);
}

function nextNumber({ versions }: VolumeTemplateRecord): TemplateVersionName {
  const numbers = versions.map(({ name }) => name).filter((name) => /^[1-9]\d{0,8}$/.test(name));
  return TemplateVersionName.parse(String(Math.max(0, ...numbers.map(Number)) + 1));
}
