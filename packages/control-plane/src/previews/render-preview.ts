import type { PreviewAnswer, PreviewTokenAnswer } from "@dormouse/schema";
import type { PreviewRecord, PreviewTokenRecord, SandboxRecord } from "@dormouse/store";

/** A preview as clients see it; `url` is where its visitors go. */
export function renderPreview(preview: PreviewRecord, sandbox: SandboxRecord, url: string): PreviewAnswer {
  const createdAt = new Date(preview.createdAtMs).toISOString();
  return {
    metadata: {
      name: preview.name,
      ...(preview.displayName !== undefined && { displayName: preview.displayName }),
      resourceName: sandbox.name,
      resourceType: "sandbox",
      workspace: sandbox.workspace,
      createdAt,
      updatedAt: createdAt,
    },
    spec: { ...preview.spec, url },
    status: "DEPLOYED",
  };
}

export function renderToken(
  token: PreviewTokenRecord,
  preview: PreviewRecord,
  sandbox: SandboxRecord,
  nowMs: number,
): PreviewTokenAnswer {
  const { expiresAtMs } = token;
  return {
    metadata: {
      name: token.name,
      previewName: preview.name,
      resourceName: sandbox.name,
      resourceType: "sandbox",
      workspace: sandbox.workspace,
    },
    spec: {
      token: token.value,
      ...(expiresAtMs !== undefined && { expiresAt: new Date(expiresAtMs).toISOString() }),
      expired: expiresAtMs !== undefined && nowMs >= expiresAtMs,
    },
  };
}
