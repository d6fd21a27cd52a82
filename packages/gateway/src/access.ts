import { AppError } from "@dormouse/kernel";
import type { GatewayDirectory, PreviewRoute } from "@dormouse/schema";
import { previewTokensOf, terminalKeysOf, type Visit } from "./cookies.ts";
import type { Credential } from "./credential.ts";
import { takeQueryParameter } from "./raw-path.ts";

/** Proof that a request may pass, and what of its credentials the app must not see. */
export interface Grant {
  readonly credential: Credential;
  /** Path and query without the platform's query credentials. */
  readonly path: string;
  /** True when `Authorization` held the platform's key rather than the app's own credential. */
  readonly isAuthorizationOurs: boolean;
  /** To be kept in a cookie. */
  readonly visit: Visit | undefined;
}

/** Query parameter that carries a preview token. */
export const TOKEN_PARAMETER = "bl_preview_token";
/** Query parameter that carries an API key. */
export const KEY_PARAMETER = "token";

const BEARER = /^bearer +(.+)$/i;
const KEY_HEADERS = ["x-blaxel-authorization", "authorization"] as const;

/** @throws {AppError} FORBIDDEN when the workspace header names another workspace, UNAUTHENTICATED without a valid API key. */
export function authorizeSandbox(
  directory: GatewayDirectory,
  headers: Headers,
  place: { readonly workspace: string; readonly path: string },
): Grant {
  const { workspace } = place;
  const namedWorkspace = headers.get("x-blaxel-workspace");
  if (namedWorkspace !== null && namedWorkspace !== workspace) {
    throw new AppError(
      "FORBIDDEN",
      `Cannot use workspace "${workspace}": the request names workspace "${namedWorkspace}"`,
    );
  }
  const key = findApiKey(directory, headers, workspace);
  if (key !== undefined) return grant({ workspace, apiKey: key.value }, place.path, key);
  const query = takeQueryParameter(place.path, KEY_PARAMETER);
  if (query.value !== undefined && directory.isApiKeyValid(workspace, query.value)) {
    const visit = TERMINAL_PAGE.test(query.path) ? { token: query.value, expiresAtMs: undefined } : undefined;
    return { ...grant({ workspace, apiKey: query.value }, query.path), visit };
  }
  const kept = findTerminalKey(directory, headers, place);
  if (kept !== undefined) return grant({ workspace, apiKey: kept }, query.path);
  throw new AppError("UNAUTHENTICATED", `Cannot use workspace "${workspace}": no valid API key was sent`, {
    hint: 'Send "X-Blaxel-Authorization: Bearer <API key>", "Authorization: Bearer <API key>" or "?token=<API key>".',
    details: { wasSent: query.value !== undefined || hasBearer(headers) },
  });
}

const TERMINAL_PAGE = /^\/terminal(\?|$)/;
const TERMINAL = /^\/terminal([/?]|$)/;

function findTerminalKey(
  directory: GatewayDirectory,
  headers: Headers,
  { workspace, path }: { readonly workspace: string; readonly path: string },
): string | undefined {
  const cookie = headers.get("cookie");
  if (cookie === null || !TERMINAL.test(path) || !isOwnPage(headers, {})) return undefined;
  return terminalKeysOf(cookie).find((key) => directory.isApiKeyValid(workspace, key));
}

/** One step for every preview: public, any valid token, or an API key of its workspace. @throws {AppError} UNAUTHENTICATED */
export function authorizePreview(
  directory: GatewayDirectory,
  headers: Headers,
  preview: PreviewRoute,
  path: string,
): Grant {
  const { previewId } = preview;
  const query = takeQueryParameter(path, TOKEN_PARAMETER);
  if (preview.isPublic) return grant({ previewId }, query.path);
  const visit = query.value === undefined ? undefined : findVisit(directory, previewId, query.value);
  if (visit !== undefined) return { ...grant({ previewId, token: visit.token }, query.path), visit };
  const token = findToken(directory, headers, preview);
  if (token !== undefined) return grant({ previewId, token }, query.path);
  const { workspace } = preview.sandbox;
  const key = findApiKey(directory, headers, workspace);
  if (key !== undefined) return grant({ previewId, workspace, apiKey: key.value }, query.path, key);
  throw new AppError("UNAUTHENTICATED", "Cannot open the preview: it is private and no valid token was sent", {
    hint: 'Create a token for the preview, then send "?bl_preview_token=<token>" or "X-Blaxel-Preview-Token: <token>".',
    details: { wasSent: query.value !== undefined || headers.has("x-blaxel-preview-token") || hasBearer(headers) },
  });
}

function grant(credential: Credential, path: string, key?: ApiKey): Grant {
  return { credential, path, isAuthorizationOurs: key?.header === "authorization", visit: undefined };
}

function findVisit(directory: GatewayDirectory, previewId: string, token: string): Visit | undefined {
  const found = directory.findPreviewToken(previewId, token);
  return found && { token, expiresAtMs: found.expiresAtMs };
}

function findToken(directory: GatewayDirectory, headers: Headers, preview: PreviewRoute): string | undefined {
  const isValid = (token: string): boolean => directory.findPreviewToken(preview.previewId, token) !== undefined;
  const token = headers.get("x-blaxel-preview-token");
  if (token !== null && isValid(token)) return token;
  const cookie = headers.get("cookie");
  if (cookie === null || !isOwnPage(headers, preview.responseHeaders)) return undefined;
  return previewTokensOf(cookie).find(isValid);
}

/**
 * Browsers send cookies along when another page asks, and a page of a sibling sandbox is of the same site. So a cookie counts for
 * the host's own pages, for pages being opened, and for origins that a preview's own CORS headers welcome.
 */
function isOwnPage(headers: Headers, responseHeaders: PreviewRoute["responseHeaders"]): boolean {
  const origin = headers.get("origin");
  if (origin !== null) return origin.endsWith(`://${headers.get("host")}`) || origin === allowedOrigin(responseHeaders);
  const site = headers.get("sec-fetch-site");
  if (site === null || site === "same-origin" || site === "none") return true;
  return headers.get("sec-fetch-mode") === "navigate";
}

function allowedOrigin(responseHeaders: Readonly<Record<string, string>>): string | undefined {
  const name = Object.keys(responseHeaders).find((key) => key.toLowerCase() === "access-control-allow-origin");
  return name && responseHeaders[name];
}

const hasBearer = (headers: Headers): boolean => KEY_HEADERS.some((header) => BEARER.test(headers.get(header) ?? ""));

interface ApiKey {
  readonly header: "x-blaxel-authorization" | "authorization";
  readonly value: string;
}

function findApiKey(directory: GatewayDirectory, headers: Headers, workspace: string): ApiKey | undefined {
  for (const header of KEY_HEADERS) {
    const value = BEARER.exec(headers.get(header) ?? "")?.[1];
    if (value !== undefined && directory.isApiKeyValid(workspace, value)) return { header, value };
  }
  return undefined;
}
