import { AppError, randomId } from "@dormouse/kernel";
import { PreviewName, PreviewSpec, type PreviewCreateRequest } from "@dormouse/schema";
import type { PreviewRecord, SandboxRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { derivePreviewId, prefixedPreviewId } from "./preview-id.ts";

/** Of a preview; stands for the sandbox API. */
const SANDBOX_API_PORT = 443;

/**
 * With `replace`, the preview of the same name or URL gives way, if it belongs to the same workspace.
 * @throws {AppError} PREVIEW_ALREADY_EXISTS, SANDBOX_NOT_FOUND, INVALID_ARGUMENT
 */
export async function createPreview(
  deps: ControlPlaneDeps,
  sandbox: SandboxRecord,
  request: PreviewCreateRequest,
  replace: boolean,
): Promise<PreviewRecord> {
  assertNoCustomDomain(request);
  assertApiIsPrivate(request);
  const preview = await newRecord(deps, sandbox, request);
  const replacedIds = replace ? await findReplaced(deps, sandbox, preview) : [];
  await deps.store.previews.insert(preview, replacedIds);
  for (const id of replacedIds) deps.directory.removePreview(id);
  deps.directory.putPreview(sandbox, preview);
  return preview;
}

async function newRecord(
  { store, clock }: ControlPlaneDeps,
  sandbox: SandboxRecord,
  { metadata, spec }: PreviewCreateRequest,
): Promise<PreviewRecord> {
  const name = metadata.name ?? PreviewName.parse(`preview-${randomId(8)}`);
  const id =
    spec.prefixUrl === undefined
      ? derivePreviewId(await store.accounts.previewSecret(), sandbox, name)
      : prefixedPreviewId(spec.prefixUrl, sandbox.workspace);
  return {
    id,
    sandboxId: sandbox.id,
    name,
    displayName: metadata.displayName,
    spec: PreviewSpec.parse(spec),
    createdAtMs: clock(),
  };
}

async function findReplaced(
  { store, directory }: ControlPlaneDeps,
  sandbox: SandboxRecord,
  preview: PreviewRecord,
): Promise<string[]> {
  const sameName = await store.previews.find(sandbox.id, preview.name);
  const sameUrl = directory.findPreview(preview.id);
  const ids = new Set<string>();
  if (sameName !== undefined) ids.add(sameName.id);
  if (sameUrl?.sandbox.workspace === sandbox.workspace) ids.add(sameUrl.previewId);
  return [...ids];
}

function assertNoCustomDomain({ spec }: PreviewCreateRequest): void {
  if (!spec.customDomain) return;
  throw new AppError("INVALID_ARGUMENT", "Cannot bind a custom domain: this server does not offer them yet", {
    hint: "Leave spec.customDomain out",
  });
}

/** @throws {AppError} INVALID_ARGUMENT for a sandbox API without a token */
export function assertApiIsPrivate({ spec }: PreviewCreateRequest): void {
  if (spec.port !== SANDBOX_API_PORT || !spec.public) return;
  throw new AppError("INVALID_ARGUMENT", "Cannot make port 443 public: anyone could run commands in the sandbox", {
    hint: "Set spec.public to false and create a token for those who may",
  });
}
