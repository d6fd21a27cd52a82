/** What stands between a label and the server's own host name: `<label>.preview.example.com`, `<label>.run.example.com`. */
export type HostKind = "preview" | "run";

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

export interface HostBase {
  /** What a client reaches the server at: scheme, host and port. */
  readonly baseUrl: string;
  /** Host name that names of ours stand in front of; undefined: that of `baseUrl`. */
  readonly domain: string | undefined;
}

/**
 * The origin that `label` has for itself, such as `http://abc.preview.localhost:4111`. Undefined when there is no more than a bare
 * address, which can carry no name in front, or `baseUrl` is no URL.
 */
export function ownOrigin({ baseUrl, domain }: HostBase, kind: HostKind, label: string): string | undefined {
  if (!URL.canParse(baseUrl)) return undefined;
  const url = new URL(baseUrl);
  if (domain !== undefined) url.hostname = domain;
  const isLoopback = LOOPBACK_HOSTS.has(url.hostname);
  if (!isLoopback && /^[\d.]+$|^\[/.test(url.hostname)) return undefined;
  url.hostname = `${label}.${kind}.${isLoopback ? "localhost" : url.hostname}`;
  return url.origin;
}
