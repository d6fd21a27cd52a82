import { AppError } from "@dormouse/kernel";
import type { RegistryCredentials } from "@dormouse/schema";

/** An image in a registry. */
export interface RegistryReference {
  /** `docker.io`, `registry.example.com:5000` */
  readonly registry: string;
  /** `library/node` */
  readonly repository: string;
  /** `:22-alpine` or `@sha256:…` */
  readonly version: string;
}

const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d{1,5})?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

const DOCKER_HUB = "docker.io";
/** Under which Docker's own programs keep the credentials of Docker Hub, too. */
const DOCKER_HUB_NAMES: ReadonlySet<string> = new Set(["index.docker.io", "registry-1.docker.io"]);

/** Parses what stands after `FROM` or `docker pull`, with Docker's defaults. @throws INVALID_IMAGE */
export function resolveReference(text: string): RegistryReference {
  const [untagged = "", digest] = text.split("@", 2);
  const first = untagged.split("/")[0] ?? "";
  const hasRegistry = untagged.includes("/") && (/[.:]/.test(first) || first === "localhost");
  const registry = hasRegistry ? canonicalRegistry(first) : DOCKER_HUB;
  const path = hasRegistry ? untagged.slice(first.length + 1) : untagged;
  const [name = "", tag] = path.split(":", 2);
  const repository = registry === DOCKER_HUB && !name.includes("/") ? `library/${name}` : name;
  const isValid =
    HOST.test(registry) &&
    REPOSITORY.test(repository) &&
    (tag === undefined || TAG.test(tag)) &&
    (digest === undefined || DIGEST.test(digest)) &&
    text.split("@").length <= 2 &&
    path.split(":").length <= 2;
  if (!isValid) {
    throw new AppError("INVALID_IMAGE", `Cannot use image "${text}": it is not an image reference`, {
      hint: 'Write it as "name:tag" for Docker Hub, or "registry.example.com/name:tag"',
    });
  }
  return { registry, repository, version: digest === undefined ? `:${tag ?? "latest"}` : `@${digest}` };
}

/** The whole of it: `docker.io/library/node:22-alpine`. */
export const fullName = ({ registry, repository, version }: RegistryReference): string =>
  `${registry}/${repository}${version}`;

function canonicalRegistry(host: string): string {
  const name = host.toLowerCase();
  return DOCKER_HUB_NAMES.has(name) ? DOCKER_HUB : name;
}

/** Where registries are found, by host: what the operator says (`DORMOUSE_REGISTRIES`). */
export type RegistryMirrors = Readonly<Record<string, string>>;

export interface RegistryRoute {
  /** Host, port and path before the repository. */
  readonly location: string;
  /** True when it is spoken to without TLS. */
  readonly isPlain: boolean;
  /** The operator named it: it may be in a network that users' programs must not reach. */
  readonly isTrusted: boolean;
}

export function routeTo(registry: string, mirrors: RegistryMirrors): RegistryRoute {
  const mirror = mirrors[registry];
  if (mirror === undefined) return { location: registry, isPlain: false, isTrusted: false };
  const { protocol, host, pathname } = new URL(mirror);
  return { location: `${host}${pathname}`.replace(/\/$/, ""), isPlain: protocol === "http:", isTrusted: true };
}

/** `auth.json` for the registry at its location. Nobody is sent the credentials of another. */
export function authFile(registry: string, { location }: RegistryRoute, credentials: RegistryCredentials): string {
  const [, found] = Object.entries(credentials).find(([key]) => canonicalRegistry(hostOf(key)) === registry) ?? [];
  if (found === undefined) return JSON.stringify({ auths: {} });
  const auth = Buffer.from(`${found.username}:${found.password}`).toString("base64");
  return JSON.stringify({ auths: { [location.split("/")[0] ?? ""]: { auth } } });
}

/** Keys of a Docker configuration are hosts, or addresses such as that of Docker Hub, `https://index.docker.io/v1/`. */
const hostOf = (key: string): string => key.replace(/^https?:\/\//, "").split("/")[0] ?? "";
