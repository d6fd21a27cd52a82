import { AppError } from "@dormouse/kernel";
import { authorizePreview, authorizeSandbox, type Grant } from "./access.ts";
import { destinationInSandbox, destinationOfPreview, type Destination, type Place } from "./place.ts";
import type { GatewayDirectory, PreviewRoute, SandboxRoute } from "@dormouse/schema";

/** A place with its preview looked up; both kinds lead to one sandbox by name. */
export interface Route {
  readonly preview: PreviewRoute | undefined;
  readonly workspace: string;
  readonly name: string;
  /** Path the preview is mounted at, "" on a host of its own and for sandbox URLs. */
  readonly mount: string;
  /** Raw path and query as sent, without the mount. */
  readonly path: string;
}

/** @throws {AppError} ROUTE_NOT_FOUND for an unknown preview, PREVIEW_EXPIRED */
export function findRoute(directory: GatewayDirectory, place: Place): Route {
  if (place.kind === "sandbox")
    return { preview: undefined, workspace: place.workspace, name: place.name, mount: "", path: place.path };
  const preview = directory.findPreview(place.previewId);
  if (preview === undefined) {
    throw new AppError(
      "ROUTE_NOT_FOUND",
      `Cannot find preview "${place.previewId}": it does not exist or was deleted`,
      {
        hint: 'Take the address from the "spec.url" of the preview.',
      },
    );
  }
  if (preview.expiresAtMs !== undefined && preview.expiresAtMs <= Date.now()) {
    throw new AppError("PREVIEW_EXPIRED", `Cannot open preview "${place.previewId}": it expired`, {
      hint: "Create the preview or session again.",
    });
  }
  const { workspace, name } = preview.sandbox;
  return { preview, workspace, name, mount: place.mount, path: place.path };
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
    throw new AppError("SANDBOX_NOT_FOUND", `Cannot find sandbox "${route.name}": it does not exist`);
  if (sandbox.refusal !== undefined) throw refusalError(sandbox.name, sandbox.refusal);
  return sandbox;
}

function refusalError(name: string, refusal: "disabled" | "starting"): AppError {
  if (refusal === "disabled") {
    return new AppError("SANDBOX_DISABLED", `Cannot reach sandbox "${name}": it is disabled`, {
      hint: "Set its spec.enabled to true; it goes on where it was.",
    });
  }
  return new AppError("SANDBOX_UNAVAILABLE", `Cannot reach sandbox "${name}": it starts anew`, {
    hint: "Send the request again in a moment.",
  });
}
