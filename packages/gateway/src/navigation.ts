import { type HostBase, ownOrigin } from "@dormouse/schema";
import { type Grant, TOKEN_PARAMETER } from "./access.ts";
import type { Route } from "./route.ts";

export interface Navigation {
  readonly request: Request;
  readonly route: Route;
  readonly grant: Grant;
  /** What names of ours stand in front of. */
  readonly hostBase: HostBase;
  /** The cookies to keep the token in, for a request that brought it in its query. */
  readonly cookies: readonly string[];
}

/** Where a browser that opens a page belongs instead. Undefined for everything else: that is served directly. */
export function redirectNavigation(navigation: Navigation): Response | undefined {
  const { request, route, cookies } = navigation;
  if (cookies.length === 0 && (route.mount === "" || route.preview === undefined)) return undefined;
  const frame = frameOf(request);
  if (frame === undefined) return undefined;
  return toOwnHost(navigation) ?? (frame === "top" && cookies.length > 0 ? toCleanUrl(navigation) : undefined);
}

/**
 * A page of a sandbox must not run in the origin of the API, nor share one with another sandbox's; and its absolute paths only
 * work on a host of its own.
 */
function toOwnHost({ route, grant, hostBase }: Navigation): Response | undefined {
  // Whoever sends a key is no browser that follows links.
  if (route.mount === "" || route.preview === undefined || "apiKey" in grant.credential) return undefined;
  const origin = ownOrigin(hostBase, "preview", route.preview.previewId);
  return origin === undefined ? undefined : redirectTo(origin + pathWithToken(grant), []);
}

/** The same page without the token, so that it stays out of the history and of Referer headers. */
function toCleanUrl({ route, grant, cookies }: Navigation): Response | undefined {
  const location = route.mount + grant.path;
  // "//host" as a Location would lead to another site.
  return location.startsWith("//") ? undefined : redirectTo(location, cookies);
}

/** The other host cannot see this one's cookies: the token goes along, and becomes a cookie there. */
function pathWithToken({ path, credential }: Grant): string {
  if (!("token" in credential) || credential.token === undefined) return path;
  const separator = path.includes("?") ? "&" : "?";
  return `${path}${separator}${TOKEN_PARAMETER}=${encodeURIComponent(credential.token)}`;
}

function redirectTo(location: string, cookies: readonly string[]): Response {
  const headers = new Headers({ location, "cache-control": "no-store", "referrer-policy": "no-referrer" });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return new Response(null, { status: 302, headers });
}

const FRAMES: ReadonlySet<string> = new Set(["iframe", "frame", "embed", "object"]);

/** Browsers say so in Sec-Fetch headers on secure origins; elsewhere a page is what asks for HTML. */
function frameOf({ method, headers }: Request): "top" | "inner" | undefined {
  if (method !== "GET") return undefined;
  const mode = headers.get("sec-fetch-mode");
  if (mode === null) return headers.get("accept")?.includes("text/html") === true ? "top" : undefined;
  if (mode !== "navigate") return undefined;
  return FRAMES.has(headers.get("sec-fetch-dest") ?? "document") ? "inner" : "top";
}
