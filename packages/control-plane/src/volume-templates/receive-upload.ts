import { AppError, toAppError } from "@dormouse/kernel";
import type { UnpackedVolume } from "@dormouse/schema";
import type { TemplateVersionOutcome, TemplateVersionRecord } from "@dormouse/store";
import { hashSecret } from "../secrets.ts";
import type { VolumeTemplateContext } from "./context.ts";
import type { TemplateSource } from "./find-template.ts";
import { withDeadlines } from "../uploads/upload-deadlines.ts";

/** The version that the secret of an upload opens, from then on for this call alone. @throws {AppError} FORBIDDEN */
export async function claimUpload({ store, clock }: VolumeTemplateContext, secret: string): Promise<TemplateSource> {
  const claimed = await store.volumeTemplates.claimUpload(hashSecret(secret), clock());
  if (claimed !== undefined) return claimed;
  throw new AppError("FORBIDDEN", "Cannot take the upload: its address is unknown, has been used, or has expired", {
    hint: "Ask for a new address: update the volume template with upload=true",
  });
}

/**
 * Makes the version out of the archive and resolves when volumes can be made of it. A failure becomes the version's, and leaves
 * nothing else behind. @throws {AppError} INVALID_ARGUMENT with what is wrong with the archive, TOO_LARGE, and what the engine says
 */
export async function receiveUpload(
  context: VolumeTemplateContext,
  { template, version }: TemplateSource,
  request: Request,
): Promise<TemplateVersionRecord> {
  const { engine, clock } = context;
  try {
    const archive = withDeadlines(request.body ?? new Blob([]).stream());
    const { contentBytes } = await engine.unpackVolume(version.id, template.defaultSizeMb, archive);
    return await finish(context, version, { status: "READY", contentBytes, uploadedAtMs: clock() });
  } catch (thrown) {
    const error = request.signal.aborted ? cutOff(thrown) : toAppError(thrown);
    await engine.removeVolume(version.id);
    await context.store.volumeTemplates.finishVersion(version.id, { status: "FAILED", error: error.message });
    throw error;
  }
}

async function finish(
  { store }: VolumeTemplateContext,
  version: TemplateVersionRecord,
  outcome: TemplateVersionOutcome & UnpackedVolume,
): Promise<TemplateVersionRecord> {
  if (await store.volumeTemplates.finishVersion(version.id, outcome)) return { ...version, ...outcome };
  throw new AppError("VOLUME_TEMPLATE_NOT_FOUND", `Cannot finish version "${version.name}": it was deleted meanwhile`);
}

const cutOff = (cause: unknown): AppError =>
  new AppError("INVALID_ARGUMENT", "Cannot unpack the archive: its upload was cut off", { cause });
