import { PLATFORM_COOKIE_PREFIX, withoutPlatformCookies } from "./cookies.ts";

/** What the gateway itself saw of a connection. */
export interface Edge {
  readonly clientAddress: string;
  readonly protocol: "http" | "https";
  /** The Host header as the client sent it. */
  readonly host: string;
}

const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

const NEVER_UPSTREAM = [
  ...HOP_BY_HOP,
  // Bun has answered "100 Continue" already.
  "expect",
  "x-blaxel-authorization",
  "x-blaxel-workspace",
  "x-blaxel-preview-token",
  "forwarded",
  "x-real-ip",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-forwarded-server",
];

/** Says that an error is the platform's own; an app must not be able to claim it. */
export const SOURCE_HEADER = "x-blaxel-source";

export interface UpstreamHeaderRules {
  readonly edge: Edge;
  readonly isAuthorizationOurs: boolean;
  readonly injected: Readonly<Record<string, string>> | undefined;
}

/** Headers a sandbox may see: nothing hop-by-hop, no platform credentials, forwarding information set only by us. */
export function upstreamHeaders(received: Headers, rules: UpstreamHeaderRules): Headers {
  const headers = new Headers(received);
  dropConnectionNamed(headers);
  for (const name of NEVER_UPSTREAM) headers.delete(name);
  if (rules.isAuthorizationOurs) headers.delete("authorization");
  const cookie = headers.get("cookie");
  if (cookie !== null && cookie.includes(PLATFORM_COOKIE_PREFIX))
    setOrDelete(headers, "cookie", withoutPlatformCookies(cookie));
  headers.set("x-forwarded-for", rules.edge.clientAddress);
  headers.set("x-forwarded-proto", rules.edge.protocol);
  headers.set("x-forwarded-host", rules.edge.host);
  for (const name in rules.injected) headers.set(name, rules.injected[name] ?? "");
  return headers;
}

export interface DownstreamHeaderRules {
  readonly replaced: Readonly<Record<string, string>> | undefined;
  readonly cookie: string | undefined;
}

/** Makes an app's answer headers fit for the client, in place. */
export function cleanDownstreamHeaders(headers: Headers, rules: DownstreamHeaderRules): void {
  dropConnectionNamed(headers);
  for (const name of HOP_BY_HOP) headers.delete(name);
  headers.delete(SOURCE_HEADER);
  if (headers.has("set-cookie")) dropPlatformCookies(headers);
  for (const name in rules.replaced) headers.set(name, rules.replaced[name] ?? "");
  if (rules.cookie !== undefined) headers.append("set-cookie", rules.cookie);
}

/** RFC 9110 section 7.6.1: a header named by `Connection` is meant for this hop only. */
function dropConnectionNamed(headers: Headers): void {
  const connection = headers.get("connection");
  if (connection === null || connection === "keep-alive" || connection === "close") return;
  for (const name of connection.split(",")) {
    const trimmed = name.trim();
    if (isToken(trimmed)) headers.delete(trimmed);
  }
}

function dropPlatformCookies(headers: Headers): void {
  const lines = headers.getSetCookie();
  if (!lines.some((line) => line.trimStart().startsWith(PLATFORM_COOKIE_PREFIX))) return;
  headers.delete("set-cookie");
  for (const line of lines)
    if (!line.trimStart().startsWith(PLATFORM_COOKIE_PREFIX)) headers.append("set-cookie", line);
}

function setOrDelete(headers: Headers, name: string, value: string): void {
  if (value === "") headers.delete(name);
  else headers.set(name, value);
}

function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(text);
}
