import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import type { PreviewTokenCreateRequest } from "@dormouse/schema";
import type { PreviewRecord, PreviewTokenRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";

/** @throws {AppError} PREVIEW_NOT_FOUND */
export async function createToken(
  { store, directory }: ControlPlaneDeps,
  preview: PreviewRecord,
  { metadata, spec }: PreviewTokenCreateRequest,
): Promise<PreviewTokenRecord> {
  const token: PreviewTokenRecord = {
    previewId: preview.id,
    name: metadata.name ?? `token-${randomId(8)}`,
    value: randomSecret(),
    expiresAtMs: spec.expiresAt === undefined ? undefined : Date.parse(spec.expiresAt),
  };
  await store.previews.insertToken(token);
  directory.putToken(token);
  return token;
}

/** Stock clients name the token by its value. @throws {AppError} PREVIEW_TOKEN_NOT_FOUND */
export async function deleteToken(
  { store, directory }: ControlPlaneDeps,
  preview: PreviewRecord,
  nameOrValue: string,
): Promise<void> {
  const removed = await store.previews.removeTokens(preview.id, nameOrValue);
  for (const value of removed) directory.removeToken(preview.id, value);
  if (removed.length > 0) return;
  throw new AppError(
    "PREVIEW_TOKEN_NOT_FOUND",
    `Cannot delete the token: preview "${preview.name}" has no such token`,
    {
      hint: "List the tokens of the preview to see their names",
    },
  );
}
