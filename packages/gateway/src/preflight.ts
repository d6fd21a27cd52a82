import { AGENT_PORT } from "./place.ts";

const ALLOW_HEADERS = "access-control-allow-headers";

/** Answers a CORS preflight without credentials, which browsers never send with one; undefined when the app must answer. */
export function answerPreflight(
  request: Request,
  port: number,
  responseHeaders: Readonly<Record<string, string>>,
): Response | undefined {
  if (request.method !== "OPTIONS") return undefined;
  if (hasCorsHeaders(responseHeaders)) return new Response(null, { status: 204, headers: responseHeaders });
  if (port !== AGENT_PORT || !request.headers.has("access-control-request-method")) return undefined;
  const headers = new Headers(responseHeaders);
  headers.set("access-control-allow-origin", "*");
  headers.set("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  headers.set(ALLOW_HEADERS, request.headers.get("access-control-request-headers") ?? "*");
  headers.set("access-control-max-age", "86400");
  return new Response(null, { status: 204, headers });
}

function hasCorsHeaders(headers: Readonly<Record<string, string>>): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase().startsWith("access-control-allow-"));
}
