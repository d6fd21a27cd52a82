/** Cookies with this prefix are the platform's own: no app ever receives or sets one. */
export const PLATFORM_COOKIE_PREFIX = "dormouse_";

const PREVIEW_COOKIE = "dormouse_preview";

export interface PreviewCookieScope {
  /** "" for a preview on its own host, else the path it is mounted at. */
  readonly mount: string;
  readonly isHttps: boolean;
}

/** The `Set-Cookie` line that lets a browser's later requests through without the token in the URL. */
export function previewCookie(token: string, scope: PreviewCookieScope): string {
  // Without a trailing slash the path also covers the mount itself: RFC 6265 section 5.1.4.
  const path = scope.mount === "" ? "/" : scope.mount;
  const site = scope.isHttps ? "SameSite=None; Secure; Partitioned" : "SameSite=Lax";
  return `${PREVIEW_COOKIE}=${encodeURIComponent(token)}; Path=${path}; HttpOnly; ${site}`;
}

/** Every preview token the Cookie header carries: a host may hold one per path. */
export function previewTokensOf(cookieHeader: string): string[] {
  if (!cookieHeader.includes(PREVIEW_COOKIE)) return [];
  return splitCookies(cookieHeader)
    .filter((pair) => pair.startsWith(`${PREVIEW_COOKIE}=`))
    .map((pair) => pair.slice(PREVIEW_COOKIE.length + 1));
}

/** The Cookie header an app may see; "" when nothing is left. */
export function withoutPlatformCookies(cookieHeader: string): string {
  if (!cookieHeader.includes(PLATFORM_COOKIE_PREFIX)) return cookieHeader;
  return splitCookies(cookieHeader)
    .filter((pair) => !pair.startsWith(PLATFORM_COOKIE_PREFIX))
    .join("; ");
}

function splitCookies(cookieHeader: string): string[] {
  return cookieHeader
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "");
}
