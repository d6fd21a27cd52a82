import { type HostBase, ownOrigin } from "@dormouse/schema";
import { type Grant, KEY_PARAMETER, TOKEN_PARAMETER } from "./access.ts";
import type { Route } from "./route.ts";

export interface Navigation {
  readonly request: Request;
  readonly route: Route;
  /** First label of the sandbox's own host, for the page of its terminal. */
  readonly hostLabel: string | undefined;
  readonly grant: Grant;
  /** What names of ours stand in front of. */
  readonly hostBase: HostBase;
  /** The cookies to keep the token in, for a request that brought it in its query. */
  readonly cookies: readonly string[];
}

/** Where a browser that opens a page belongs instead. Undefined for everything else: that is served directly. */
export function redirectNavigation(navigation: Navigation): Response | undefined {
  const { request, route, grant, cookies } = navigation;
  const isPage = route.preview !== undefined || grant.visit !== undefined;
  if (cookies.length === 0 && (route.mount === "" || !isPage)) return undefined;
  const frame = frameOf(request);
  if (frame === undefined) return undefined;
  return toOwnHost(navigation) ?? (frame === "top" && cookies.length > 0 ? toCleanUrl(navigation) : undefined);
}

/**
 * A page of a sandbox must not run in the origin of the API, nor share one with another sandbox's; and its absolute paths only
 * work on a host of its own.
 */
function toOwnHost({ route, hostLabel, grant, hostBase }: Navigation): Response | undefined {
  if (route.mount === "") return undefined;
  const { previewId } = route.preview ?? {};
  // Whoever sends a key is no browser that follows links, unless it is in the address of a terminal.
  if (previewId !== undefined && "apiKey" in grant.credential) return undefined;
  const label = previewId ?? hostLabel;
  if (label === undefined) return undefined;
  const origin = ownOrigin(hostBase, previewId === undefined ? "run" : "preview", label);
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
  const [name, value] =
    "apiKey" in credential ? [KEY_PARAMETER, credential.apiKey] : [TOKEN_PARAMETER, credential.token];
  if (value === undefined) return path;
  return `${path}${path.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(value)}`;
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
