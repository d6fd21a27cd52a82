/** Cookies with this prefix, also behind `__Host-`, are the platform's own: no app ever receives or sets one. */
export const PLATFORM_COOKIE_PREFIX = "dormouse_";

const PREVIEW_COOKIE = "dormouse_preview";
/** RFC 6265bis section 4.1.3.2: no other host, and so no sibling sandbox, can set one of this name. */
const HOST_PREVIEW_COOKIE = `__Host-${PREVIEW_COOKIE}`;

/** An API key, on a sandbox's own host: for the page of its terminal. */
const TERMINAL_COOKIE = "dormouse_terminal";

/** The token, or key, that a visit brought in its query. */
export interface Visit {
  readonly token: string;
  readonly expiresAtMs: number | undefined;
}

export interface PreviewCookieScope {
  /** "" for a preview on its own host, else the path it is mounted at. */
  readonly mount: string;
  readonly protocol: "http" | "https";
  /** With or without a port. */
  readonly host: string;
}

const THIRD_PARTY = "Secure; SameSite=None; Partitioned";

/**
 * The `Set-Cookie` lines that let a browser's later requests through without the token in the URL. Over https, in an iframe of
 * another site too. Browsers grant the same to http on `*.localhost`, except Safari, for which there is a second line.
 */
export function previewCookies({ token, expiresAtMs }: Visit, { mount, protocol, host }: PreviewCookieScope): string[] {
  const lifetime =
    expiresAtMs === undefined ? "" : `; Max-Age=${Math.max(0, Math.floor((expiresAtMs - Date.now()) / 1000))}`;
  const line = (name: string, site: string): string =>
    // Without a trailing slash the path also covers the mount itself: RFC 6265 section 5.1.4.
    `${name}=${encodeURIComponent(token)}; Path=${mount || "/"}; HttpOnly; ${site}${lifetime}`;
  if (protocol === "https") return [line(mount === "" ? HOST_PREVIEW_COOKIE : PREVIEW_COOKIE, THIRD_PARTY)];
  const lax = line(PREVIEW_COOKIE, "SameSite=Lax");
  const isLocal = mount === "" && /\.localhost(:\d+)?$/i.test(host);
  return isLocal ? [lax, line(HOST_PREVIEW_COOKIE, THIRD_PARTY)] : [lax];
}

/** The `Set-Cookie` line that lets a terminal's page and its socket through, until the browser is closed. */
export const terminalCookie = ({ token }: Visit, protocol: PreviewCookieScope["protocol"]): string =>
  `${TERMINAL_COOKIE}=${encodeURIComponent(token)}; Path=/terminal; HttpOnly; SameSite=Lax${protocol === "https" ? "; Secure" : ""}`;

/** Every preview token the Cookie header carries: a host may hold one per path, and a sibling may have tossed another. */
export function previewTokensOf(cookieHeader: string): string[] {
  if (!cookieHeader.includes(PREVIEW_COOKIE)) return [];
  return valuesOf(cookieHeader, [PREVIEW_COOKIE, HOST_PREVIEW_COOKIE]);
}

/** Every key for the terminal's page that the Cookie header carries. */
export const terminalKeysOf = (cookieHeader: string): string[] => valuesOf(cookieHeader, [TERMINAL_COOKIE]);

/** True for the name at the start of a `Set-Cookie` line or a pair of the `Cookie` header. */
export function isPlatformCookie(pair: string): boolean {
  const name = pair.trimStart();
  return name.startsWith(PLATFORM_COOKIE_PREFIX) || name.startsWith(`__Host-${PLATFORM_COOKIE_PREFIX}`);
}

/** The Cookie header an app may see; "" when nothing is left. */
export function withoutPlatformCookies(cookieHeader: string): string {
  if (!cookieHeader.includes(PLATFORM_COOKIE_PREFIX)) return cookieHeader;
  return splitCookies(cookieHeader)
    .filter((pair) => !isPlatformCookie(pair))
    .join("; ");
}

function valuesOf(cookieHeader: string, names: readonly string[]): string[] {
  return splitCookies(cookieHeader)
    .filter((pair) => names.some((name) => pair.startsWith(`${name}=`)))
    .map((pair) => pair.slice(pair.indexOf("=") + 1));
}

function splitCookies(cookieHeader: string): string[] {
  return cookieHeader
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "");
}
