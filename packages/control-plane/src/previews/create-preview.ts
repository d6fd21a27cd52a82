import { AppError, randomId } from "@dormouse/kernel";
import { PreviewName, PreviewSpec, type PreviewCreateRequest } from "@dormouse/schema";
import type { CustomHost, PreviewRecord, SandboxRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { customHostFor } from "./custom-host.ts";
import { derivePreviewId, prefixedPreviewId } from "./preview-id.ts";

/** Of a preview; stands for the sandbox API. */
const SANDBOX_API_PORT = 443;

export interface NewPreview {
  readonly request: PreviewCreateRequest;
  readonly replace: boolean;
  /** What clients reach this server at. */
  readonly baseUrl: string;
}

/**
 * With `replace`, the preview of the same name or URL gives way, if it belongs to the same workspace.
 * @throws {AppError} PREVIEW_ALREADY_EXISTS, SANDBOX_NOT_FOUND, DOMAIN_NOT_FOUND, INVALID_ARGUMENT
 */
export async function createPreview(
  deps: ControlPlaneDeps,
  sandbox: SandboxRecord,
  { request, replace, baseUrl }: NewPreview,
): Promise<PreviewRecord> {
  assertApiIsPrivate(request);
  const customHost = customHostFor(deps, sandbox, request.spec, baseUrl);
  const preview = await newRecord(deps, sandbox, request, customHost);
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
  customHost: CustomHost | undefined,
): Promise<PreviewRecord> {
  const name = metadata.name ?? PreviewName.parse(`preview-${randomId(8)}`);
  const id =
    spec.prefixUrl === undefined || customHost !== undefined
      ? derivePreviewId(await store.accounts.previewSecret(), sandbox, name)
      : prefixedPreviewId(spec.prefixUrl, sandbox.workspace);
  return {
    id,
    sandboxId: sandbox.id,
    name,
    displayName: metadata.displayName,
    spec: PreviewSpec.parse(spec),
    createdAtMs: clock(),
    customHost,
  };
}

async function findReplaced(
  { store, directory }: ControlPlaneDeps,
  sandbox: SandboxRecord,
  preview: PreviewRecord,
): Promise<string[]> {
  const sameName = await store.previews.find(sandbox.id, preview.name);
  const sameHost = preview.customHost && directory.domains.previewAt(preview.customHost);
  const ids = new Set<string>();
  if (sameName !== undefined) ids.add(sameName.id);
  for (const id of [preview.id, sameHost ?? ""]) {
    if (directory.findPreview(id)?.sandbox.workspace === sandbox.workspace) ids.add(id);
  }
  return [...ids];
}

/** @throws {AppError} INVALID_ARGUMENT for a sandbox API without a token */
export function assertApiIsPrivate({ spec }: PreviewCreateRequest): void {
  if (spec.port !== SANDBOX_API_PORT || !spec.public) return;
  throw new AppError("INVALID_ARGUMENT", "Cannot make port 443 public: anyone could run commands in the sandbox", {
    hint: "Set spec.public to false and create a token for those who may",
  });
}
