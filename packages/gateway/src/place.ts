import { AppError } from "@dormouse/kernel";
import { authorityOf, pathOf, withLeadingSlash } from "./raw-path.ts";

/** Port of the sandbox API inside every sandbox. */
export const AGENT_PORT = 8080;

/** Where a URL points before anything is looked up or authenticated. `path` is raw: path and query for the app. */
export type Place =
  | { readonly kind: "sandbox"; readonly workspace: string; readonly name: string; readonly path: string }
  | { readonly kind: "preview"; readonly previewId: string; readonly mount: string; readonly path: string };

const RUN_PREFIX = "/run/";
const PREVIEW_PREFIX = "/preview/";
const RUN_PATTERN = /^\/run\/([^/?]+)\/sandboxes\/([^/?]+)/;
const PREVIEW_PATTERN = /^\/preview\/([^/?]+)/;
const PORT_PATTERN = /^\/port\/(\d{1,5})(?=[/?]|$)/;
const RESERVED_PORTS: ReadonlySet<number> = new Set([80, 443, AGENT_PORT]);

/** Undefined when the URL is not the gateway's. A preview host owns all its paths; `mount` is "" there. */
export function findPlace(url: string): Place | undefined {
  const path = pathOf(url);
  const previewId = previewIdOfHost(authorityOf(url));
  if (previewId !== undefined) return { kind: "preview", previewId, mount: "", path };
  if (path.startsWith(RUN_PREFIX)) return sandboxPlace(path);
  if (path.startsWith(PREVIEW_PREFIX)) return mountedPreviewPlace(path);
  return undefined;
}

function previewIdOfHost(authority: string): string | undefined {
  const dot = authority.indexOf(".");
  if (dot < 1 || !authority.startsWith("preview.", dot + 1)) return undefined;
  return authority.slice(0, dot);
}

function sandboxPlace(path: string): Place | undefined {
  const match = RUN_PATTERN.exec(path);
  if (match === null) return undefined;
  const [matched, workspace = "", name = ""] = match;
  return { kind: "sandbox", workspace, name, path: withLeadingSlash(path.slice(matched.length)) };
}

function mountedPreviewPlace(path: string): Place | undefined {
  const match = PREVIEW_PATTERN.exec(path);
  if (match === null) return undefined;
  const [mount, previewId = ""] = match;
  return { kind: "preview", previewId, mount, path: withLeadingSlash(path.slice(mount.length)) };
}

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
