import { TOKEN_PARAMETER } from "./access.ts";
import { isPlatformCookie, PLATFORM_COOKIE_PREFIX, withoutPlatformCookies } from "./cookies.ts";
import { takeQueryParameter } from "./raw-path.ts";

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
  "x-blaxel-fallback",
  "x-blaxel-fallback-preview",
  "x-blaxel-fallback-domain",
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
export const SOURCE_PLATFORM = "platform";
/** Its code as clients of Blaxel know it, such as `WORKLOAD_NOT_FOUND`. */
export const EDGE_ERROR_HEADER = "x-blaxel-error-code";
/** Its own code: `PREVIEW_EXPIRED`. */
export const ERROR_HEADER = "x-dormouse-error";

export interface UpstreamHeaderRules {
  readonly edge: Edge;
  readonly isAuthorizationOurs: boolean;
  /** What the app sees as its own host, in place of the visitor's. */
  readonly appHost: string | undefined;
  /** The platform's own, which a client cannot send. */
  readonly platform: Readonly<Record<string, string>> | undefined;
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
  const referer = headers.get("referer");
  if (referer?.includes(`${TOKEN_PARAMETER}=`) === true)
    headers.set("referer", takeQueryParameter(referer, TOKEN_PARAMETER).path);
  if (rules.appHost !== undefined) seeAs(headers, rules.appHost, rules.edge);
  headers.set("x-forwarded-for", rules.edge.clientAddress);
  headers.set("x-forwarded-proto", rules.edge.protocol);
  headers.set("x-forwarded-host", rules.edge.host);
  for (const name in rules.platform) headers.set(name, rules.platform[name] ?? "");
  for (const name in rules.injected) headers.set(name, rules.injected[name] ?? "");
  return headers;
}

/** The app's own pages come from its own origin, in its eyes too. */
function seeAs(headers: Headers, appHost: string, { protocol, host }: Edge): void {
  headers.set("host", appHost);
  if (headers.get("origin") === `${protocol}://${host}`) headers.set("origin", `http://${appHost}`);
}

export interface DownstreamHeaderRules {
  readonly replaced: Readonly<Record<string, string>> | undefined;
  readonly cookies: readonly string[];
  /** True on a host that the API or other sandboxes share. */
  readonly isOriginShared: boolean;
}

/** What a browser may run as a page or sniff to be one. */
const PAGE_TYPE = /html|xml|svg/i;
/** Gives a page an origin that is nobody's: it can read no cookie and call no API as the visitor. */
const NO_ORIGIN = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts";

/** Makes an app's answer headers fit for the client, in place. */
export function cleanDownstreamHeaders(headers: Headers, rules: DownstreamHeaderRules): void {
  dropConnectionNamed(headers);
  for (const name of HOP_BY_HOP) headers.delete(name);
  headers.delete(SOURCE_HEADER);
  headers.delete(EDGE_ERROR_HEADER);
  headers.delete(ERROR_HEADER);
  if (headers.has("set-cookie")) dropPlatformCookies(headers);
  for (const name in rules.replaced) headers.set(name, rules.replaced[name] ?? "");
  if (rules.isOriginShared && PAGE_TYPE.test(headers.get("content-type") ?? "html"))
    headers.append("content-security-policy", NO_ORIGIN);
  if (rules.cookies.length === 0) return;
  for (const cookie of rules.cookies) headers.append("set-cookie", cookie);
  // The address still holds the token.
  headers.set("referrer-policy", "same-origin");
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
  if (!lines.some(isPlatformCookie)) return;
  headers.delete("set-cookie");
  for (const line of lines) if (!isPlatformCookie(line)) headers.append("set-cookie", line);
}

function setOrDelete(headers: Headers, name: string, value: string): void {
  if (value === "") headers.delete(name);
  else headers.set(name, value);
}

function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(text);
}
