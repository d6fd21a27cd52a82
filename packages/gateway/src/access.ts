import { AppError } from "@dormouse/kernel";
import { previewTokensOf } from "./cookies.ts";
import type { GatewayDirectory, PreviewRoute } from "@dormouse/schema";
import { takeQueryParameter } from "./raw-path.ts";

/** Proof that a request may pass, and what of its credentials the app must not see. */
export interface Grant {
  /** Path and query without the platform's query credentials. */
  readonly path: string;
  /** True when `Authorization` held the platform's key rather than the app's own credential. */
  readonly isAuthorizationOurs: boolean;
  /** The token of a first visit, to be kept in a cookie. */
  readonly tokenFromQuery: string | undefined;
}

const BEARER = /^bearer +(.+)$/i;

/** @throws {AppError} FORBIDDEN when the workspace header names another workspace, UNAUTHENTICATED without a valid API key. */
export function authorizeSandbox(
  directory: GatewayDirectory,
  headers: Headers,
  place: { readonly workspace: string; readonly path: string },
): Grant {
  const namedWorkspace = headers.get("x-blaxel-workspace");
  if (namedWorkspace !== null && namedWorkspace !== place.workspace) {
    throw new AppError(
      "FORBIDDEN",
      `Cannot use workspace "${place.workspace}": the request names workspace "${namedWorkspace}"`,
    );
  }
  const header = findApiKeyHeader(directory, headers, place.workspace);
  if (header !== undefined) return grant(place.path, { isAuthorizationOurs: header === "authorization" });
  const query = takeQueryParameter(place.path, "token");
  if (query.value !== undefined && directory.isApiKeyValid(place.workspace, query.value)) return grant(query.path);
  throw new AppError("UNAUTHENTICATED", `Cannot use workspace "${place.workspace}": no valid API key was sent`, {
    hint: 'Send "X-Blaxel-Authorization: Bearer <API key>", "Authorization: Bearer <API key>" or "?token=<API key>".',
  });
}

/** One step for every preview: public, any valid token, or an API key of its workspace. @throws {AppError} UNAUTHENTICATED */
export function authorizePreview(
  directory: GatewayDirectory,
  headers: Headers,
  preview: PreviewRoute,
  path: string,
): Grant {
  const query = takeQueryParameter(path, "bl_preview_token");
  if (preview.isPublic) return grant(query.path);
  if (query.value !== undefined && directory.isPreviewTokenValid(preview.previewId, query.value)) {
    return grant(query.path, { tokenFromQuery: query.value });
  }
  if (hasValidToken(directory, headers, preview.previewId)) return grant(query.path);
  const header = findApiKeyHeader(directory, headers, preview.sandbox.workspace);
  if (header !== undefined) return grant(query.path, { isAuthorizationOurs: header === "authorization" });
  throw new AppError("UNAUTHENTICATED", "Cannot open the preview: it is private and no valid token was sent", {
    hint: 'Create a token for the preview, then send "?bl_preview_token=<token>" or "X-Blaxel-Preview-Token: <token>".',
  });
}

function grant(path: string, extra: Partial<Grant> = {}): Grant {
  return { path, isAuthorizationOurs: extra.isAuthorizationOurs ?? false, tokenFromQuery: extra.tokenFromQuery };
}

function hasValidToken(directory: GatewayDirectory, headers: Headers, previewId: string): boolean {
  const token = headers.get("x-blaxel-preview-token");
  if (token !== null && directory.isPreviewTokenValid(previewId, token)) return true;
  const cookie = headers.get("cookie");
  return cookie !== null && previewTokensOf(cookie).some((token) => directory.isPreviewTokenValid(previewId, token));
}

function findApiKeyHeader(directory: GatewayDirectory, headers: Headers, workspace: string): string | undefined {
  for (const name of ["x-blaxel-authorization", "authorization"]) {
    const apiKey = BEARER.exec(headers.get(name) ?? "")?.[1];
    if (apiKey !== undefined && directory.isApiKeyValid(workspace, apiKey)) return name;
  }
  return undefined;
}
