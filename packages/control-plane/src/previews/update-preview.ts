import { AppError } from "@dormouse/kernel";
import { type PreviewCreateRequest, PreviewSpec } from "@dormouse/schema";
import type { PreviewRecord, SandboxRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { assertApiIsPrivate } from "./create-preview.ts";

/**
 * Puts another spec in place of a preview's. Its address and its tokens stay; whoever may no longer visit it is cut off.
 * @throws {AppError} PREVIEW_NOT_FOUND, INVALID_ARGUMENT for what would change the address
 */
export async function updatePreview(
  { store, directory }: ControlPlaneDeps,
  { sandbox, preview }: { readonly sandbox: SandboxRecord; readonly preview: PreviewRecord },
  request: PreviewCreateRequest,
): Promise<PreviewRecord> {
  assertApiIsPrivate(request);
  assertSameAddress(preview, request);
  const spec = PreviewSpec.parse(request.spec);
  const updated = { ...preview, spec, displayName: request.metadata.displayName };
  await store.previews.update(updated);
  directory.putPreview(sandbox, updated);
  return updated;
}

function assertSameAddress(preview: PreviewRecord, { metadata, spec }: PreviewCreateRequest): void {
  const isRenamed = metadata.name !== undefined && metadata.name !== preview.name;
  const isMoved = spec.prefixUrl !== preview.spec.prefixUrl || spec.customDomain !== preview.spec.customDomain;
  if (!isRenamed && !isMoved) return;
  const what = isRenamed ? "its name" : "its prefix and domain";
  throw new AppError("INVALID_ARGUMENT", `Cannot update preview "${preview.name}": ${what} make its address`, {
    hint: "Delete the preview and create it with the other address",
  });
}
