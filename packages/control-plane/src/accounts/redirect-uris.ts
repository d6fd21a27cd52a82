const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"]);

export interface RedirectRules {
  /** What the operator allows, to the letter. */
  readonly allowed: readonly string[];
  /** Where this server is reached: apps in sandboxes are under it. */
  readonly baseUrl: string;
}

/** Where a code may be sent: to what the operator allows, and to programs on the user's own machine (RFC 8252 §7.3). */
export function mayRedirectTo(uri: string, { allowed, baseUrl }: RedirectRules): boolean {
  if (allowed.includes(uri)) return true;
  const url = URL.parse(uri);
  if (url === null || url.protocol !== "http:" || !LOOPBACK_HOSTS.has(url.hostname)) return false;
  if (url.username !== "" || url.password !== "" || uri.includes("#")) return false;
  return url.port !== new URL(baseUrl).port;
}

/** The address with more in its query. */
export function withParameters(uri: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const url = new URL(uri);
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.append(name, value);
  return url.href;
}
