import type { GatewayDirectory, PreviewRoute } from "@dormouse/schema";

/** What a request was admitted with: a public preview alone, a preview by token or key, or a workspace by key. */
export type Credential =
  | { readonly previewId: string; readonly token?: string }
  | { readonly previewId?: string; readonly workspace: string; readonly apiKey: string };

/** True while a request with it would still be admitted. */
export function isStillAdmitted(directory: GatewayDirectory, credential: Credential): boolean {
  if (credential.previewId !== undefined) {
    const preview = directory.findPreview(credential.previewId);
    if (preview === undefined || isExpired(preview)) return false;
    if (preview.isPublic) return true;
  }
  if ("apiKey" in credential) return directory.isApiKeyValid(credential.workspace, credential.apiKey);
  return (
    credential.token !== undefined && directory.findPreviewToken(credential.previewId, credential.token) !== undefined
  );
}

/** The same for equal credentials. */
export function keyOf(credential: Credential): string {
  if ("apiKey" in credential) return `${credential.previewId ?? ""} ${credential.workspace} ${credential.apiKey}`;
  return `${credential.previewId} ${credential.token ?? ""}`;
}

export function isExpired({ expiresAtMs }: PreviewRoute): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= Date.now();
}
