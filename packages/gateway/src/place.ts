import { AppError } from "@dormouse/kernel";
import type { DomainRoute, GatewayDirectory, HostKind } from "@dormouse/schema";
import { authorityOf, hostnameOf, pathOf, withLeadingSlash } from "./raw-path.ts";

/** Port of the sandbox API inside every sandbox. */
export const AGENT_PORT = 8080;

interface PlaceBase {
  /** Path the place is mounted at on a host it shares with others; "" on a host of its own. */
  readonly mount: string;
  /** Raw path and query for the app. */
  readonly path: string;
}

/** Where an address points before anything is authenticated. */
export type Place =
  | (PlaceBase & { readonly kind: "sandbox"; readonly workspace: string; readonly name: string })
  | (PlaceBase & { readonly kind: "labelled-sandbox"; readonly label: string })
  | (PlaceBase & { readonly kind: "preview"; readonly previewId: string })
  | (PlaceBase & { readonly kind: "domain"; readonly route: DomainRoute; readonly host: string });

export interface AddressBook {
  /** Knows the domains of users, which are none of ours. */
  readonly directory: Pick<GatewayDirectory, "findDomain">;
  /** Host names, without a port, that ours may stand in front of; any when undefined. */
  readonly baseHosts?: ReadonlySet<string> | undefined;
}

type HostPlace = (label: string, path: string) => Place;

/** Hosts by what follows their first label. Another kind of host is another line here. */
const HOSTS: { readonly [Kind in HostKind]: HostPlace } = {
  preview: (previewId, path) => ({ kind: "preview", previewId, mount: "", path }),
  run: (label, path) => ({ kind: "labelled-sandbox", label, mount: "", path }),
};

interface PathPlace {
  readonly prefix: string;
  /** Matches the mount; its groups go to `place`. */
  readonly pattern: RegExp;
  readonly place: (base: PlaceBase, first: string, second: string) => Place;
}

/** Paths on the server's own host. */
const PATHS: readonly PathPlace[] = [
  {
    prefix: "/run/",
    pattern: /^\/run\/([^/?]+)\/sandboxes\/([^/?]+)/,
    place: (base, workspace, name) => ({ kind: "sandbox", workspace, name, ...base }),
  },
  {
    prefix: "/preview/",
    pattern: /^\/preview\/([^/?]+)/,
    place: (base, previewId) => ({ kind: "preview", previewId, ...base }),
  },
];

/** Undefined when the URL is not the gateway's. A host of its own owns all its paths. */
export function findPlace(url: string, book: AddressBook): Place | undefined {
  const path = pathOf(url);
  const hostname = hostnameOf(authorityOf(url));
  // A user's domain may look like a host of ours: "app.preview.example.com".
  return placeOfDomain(hostname, path, book) ?? placeOfHost(hostname, path, book) ?? placeOfPath(path);
}

function placeOfHost(hostname: string, path: string, { baseHosts }: AddressBook): Place | undefined {
  const labelEnd = hostname.indexOf(".");
  const kindEnd = hostname.indexOf(".", labelEnd + 1);
  if (labelEnd < 1 || kindEnd === -1) return undefined;
  const kind = hostname.slice(labelEnd + 1, kindEnd);
  if (!Object.hasOwn(HOSTS, kind)) return undefined;
  if (baseHosts !== undefined && !baseHosts.has(hostname.slice(kindEnd + 1))) return undefined;
  return HOSTS[kind as HostKind](hostname.slice(0, labelEnd), path);
}

function placeOfDomain(host: string, path: string, { directory }: AddressBook): Place | undefined {
  const route = directory.findDomain(host);
  return route && { kind: "domain", route, host, mount: "", path };
}

function placeOfPath(path: string): Place | undefined {
  for (const { prefix, pattern, place } of PATHS) {
    if (!path.startsWith(prefix)) continue;
    const match = pattern.exec(path);
    if (match === null) return undefined;
    const [mount, first = "", second = ""] = match;
    return place({ mount, path: withLeadingSlash(path.slice(mount.length)) }, first, second);
  }
  return undefined;
}

const PORT_PATTERN = /^\/port\/(\d{1,5})(?=[/?]|$)/;
const RESERVED_PORTS: ReadonlySet<number> = new Set([80, 443, AGENT_PORT]);

export interface Destination {
  readonly port: number;
  readonly path: string;
}

/** The sandbox API, or the user port named by a leading `/port/<N>`. @throws {AppError} INVALID_ARGUMENT for a reserved port. */
export function destinationInSandbox(path: string): Destination {
  const match = PORT_PATTERN.exec(path);
  if (match === null) return { port: AGENT_PORT, path };
  const port = Number(match[1]);
  if (RESERVED_PORTS.has(port) || port < 1 || port > 65_535) {
    throw new AppError("INVALID_ARGUMENT", `Cannot forward to port ${port} of a sandbox: the port is reserved`, {
      hint: `The sandbox API answers without "/port/${port}"; run your own server on another port, such as 3000.`,
    });
  }
  return { port, path: withLeadingSlash(path.slice(match[0].length)) };
}

/** Destination of a preview: its port, or everything the sandbox URL offers when the preview is on the sandbox API. */
export function destinationOfPreview(previewPort: number, path: string): Destination {
  if (previewPort === 443 || previewPort === AGENT_PORT) return destinationInSandbox(path);
  return { port: previewPort, path };
}
