import { AppError } from "@dormouse/kernel";
import type { GatewayDirectory, PreviewRoute, SandboxRoute } from "@dormouse/schema";
import { authorizePreview, authorizeSandbox, type Grant } from "./access.ts";
import { isExpired } from "./credential.ts";
import { destinationInSandbox, destinationOfPreview, type Destination, type Place } from "./place.ts";

/** A place looked up: every kind leads to one sandbox by name, most through a preview. */
export interface Route {
  readonly preview: PreviewRoute | undefined;
  readonly workspace: string;
  readonly name: string;
  /** Path it is mounted at on a host shared with others; "" on a host of its own. */
  readonly mount: string;
  /** Raw path and query as sent, without the mount. */
  readonly path: string;
  /** Set when a custom domain's fallback serves a host that no preview has. */
  readonly fallback: Fallback | undefined;
}

export interface Fallback {
  readonly domain: string;
  /** What stands before the domain in the host that was asked for; "" at the domain itself. */
  readonly prefix: string;
}

/** @throws {AppError} ROUTE_NOT_FOUND for an unknown preview or host, PREVIEW_EXPIRED */
export function findRoute(directory: GatewayDirectory, place: Place): Route {
  if (place.kind === "sandbox") return sandboxRoute(place, place);
  if (place.kind === "labelled-sandbox") return sandboxRoute(place, findLabelled(directory, place.label));
  if (place.kind === "preview") return previewRoute(place, findPreview(directory, place.previewId));
  const { domain, preview, isFallback } = place.route;
  const route = previewRoute(place, preview);
  if (!isFallback) return route;
  return { ...route, fallback: { domain, prefix: place.host.slice(0, -domain.length).replace(/\.$/, "") } };
}

function sandboxRoute({ mount, path }: Place, { workspace, name }: { workspace: string; name: string }): Route {
  return { preview: undefined, workspace, name, mount, path, fallback: undefined };
}

function previewRoute({ mount, path }: Place, preview: PreviewRoute): Route {
  if (isExpired(preview)) {
    throw new AppError("PREVIEW_EXPIRED", `Cannot open preview "${preview.previewId}": it expired`, {
      hint: "Create the preview or session again.",
    });
  }
  const { workspace, name } = preview.sandbox;
  return { preview, workspace, name, mount, path, fallback: undefined };
}

function findPreview(directory: GatewayDirectory, previewId: string): PreviewRoute {
  const preview = directory.findPreview(previewId);
  if (preview !== undefined) return preview;
  throw new AppError("ROUTE_NOT_FOUND", `Cannot find preview "${previewId}": it does not exist or was deleted`, {
    hint: 'Take the address from the "spec.url" of the preview.',
  });
}

function findLabelled(directory: GatewayDirectory, label: string): SandboxRoute {
  const sandbox = directory.findSandboxByLabel(label);
  if (sandbox !== undefined) return sandbox;
  throw new AppError("ROUTE_NOT_FOUND", `Cannot find sandbox host "${label}": it does not exist or was deleted`, {
    hint: 'Take the address from the "metadata.url" of the sandbox.',
  });
}

export function destinationOf(route: Route, path: string): Destination {
  return route.preview === undefined ? destinationInSandbox(path) : destinationOfPreview(route.preview.port, path);
}

/** @throws {AppError} UNAUTHENTICATED, FORBIDDEN */
export function authorize(directory: GatewayDirectory, headers: Headers, route: Route): Grant {
  if (route.preview === undefined) return authorizeSandbox(directory, headers, route);
  return authorizePreview(directory, headers, route.preview, route.path);
}

/**
 * Looked up after authorisation, so that a stranger cannot learn which names exist.
 * @throws {AppError} SANDBOX_NOT_FOUND, SANDBOX_DISABLED, SANDBOX_UNAVAILABLE
 */
export function sandboxOf(directory: GatewayDirectory, route: Route): SandboxRoute {
  const sandbox = route.preview?.sandbox ?? directory.findSandbox(route.workspace, route.name);
  if (sandbox === undefined)
    throw new AppError("SANDBOX_NOT_FOUND", `Cannot find sandbox "${route.name}": it does not exist or has failed`);
  if (sandbox.refusal !== undefined) throw refusalError(sandbox.name, sandbox.refusal);
  return sandbox;
}

function refusalError(name: string, refusal: NonNullable<SandboxRoute["refusal"]>): AppError {
  if (refusal === "disabled") {
    return new AppError("SANDBOX_DISABLED", `Cannot reach sandbox "${name}": it is disabled`, {
      hint: "Set its spec.enabled to true; it goes on where it was.",
    });
  }
  if (refusal === "building") {
    return new AppError("SANDBOX_UNAVAILABLE", `Cannot reach sandbox "${name}": its image is being built`, {
      hint: "Wait until its status is DEPLOYED.",
    });
  }
  return new AppError("SANDBOX_UNAVAILABLE", `Cannot reach sandbox "${name}": it starts anew`, {
    hint: "Send the request again in a moment.",
  });
}
