import type { Grant } from "./access.ts";
import type { Route } from "./route.ts";

export interface Visit {
  readonly request: Request;
  readonly route: Route;
  readonly grant: Grant;
  /** The cookie to keep the token in, for a request that brought it in its query. */
  readonly cookie: string | undefined;
}

/**
 * Sends a browser that opened a preview with the token in its URL to the same page without it, so that the token stays out of
 * the history and of Referer headers. Undefined for everything that is not a top-level navigation: that is served directly.
 */
export function redirectAfterFirstVisit(visit: Visit): Response | undefined {
  const { request, route, grant, cookie } = visit;
  if (cookie === undefined || !isTopLevelNavigation(request)) return undefined;
  const location = route.mount + grant.path;
  // "//host" as a Location would lead to another site.
  if (location.startsWith("//")) return undefined;
  const headers = new Headers({
    location,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "set-cookie": cookie,
  });
  return new Response(null, { status: 302, headers });
}

/** Browsers say so in Sec-Fetch headers on secure origins; elsewhere a page is what asks for HTML. */
function isTopLevelNavigation(request: Request): boolean {
  if (request.method !== "GET") return false;
  const { headers } = request;
  const mode = headers.get("sec-fetch-mode");
  if (mode !== null) return mode === "navigate" && (headers.get("sec-fetch-dest") ?? "document") === "document";
  return headers.get("accept")?.includes("text/html") ?? false;
}
