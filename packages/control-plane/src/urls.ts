import { createHash } from "node:crypto";
import { ownOrigin } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import type { ControlPlaneSettings } from "./ports.ts";

/** What clients reach this server at, without a trailing slash. */
export function publicBaseUrl(settings: ControlPlaneSettings, requestUrl: string): string {
  return (settings.publicUrl ?? new URL(requestUrl).origin).replace(/\/+$/, "");
}

/** Base of the sandbox API of one sandbox, without a trailing slash: on a host of its own where a wildcard domain leads here. */
export function sandboxUrl(settings: ControlPlaneSettings, baseUrl: string, sandbox: SandboxRecord): string {
  const { workspace, name } = sandbox;
  const path = `${baseUrl}/run/${workspace}/sandboxes/${name}`;
  if (settings.sandboxUrlStyle === "path") return path;
  return ownOrigin({ baseUrl, domain: settings.domain }, "run", hostLabel(sandbox)) ?? path;
}

/** Where visitors go for a host of a user's own: scheme and port are this server's. */
export function customUrl(baseUrl: string, hostname: string): string {
  const url = new URL(baseUrl);
  url.hostname = hostname;
  return url.origin;
}

/** On a host of its own unless asked otherwise; a bare address can carry no name in front, so it gets a path. */
export function previewUrl(settings: ControlPlaneSettings, baseUrl: string, previewId: string): string {
  const path = `${baseUrl}/preview/${previewId}`;
  if (settings.previewUrlStyle === "path") return path;
  return ownOrigin({ baseUrl, domain: settings.domain }, "preview", previewId) ?? path;
}

const LABEL_NAME_LENGTH = 45;
const LABEL_DIGEST_LENGTH = 10;

/** DNS label of a sandbox's own host: starts with its name, and no other sandbox of any workspace has it. */
export function hostLabel({ workspace, name }: Pick<SandboxRecord, "workspace" | "name">): string {
  const digest = createHash("sha256").update(`${workspace}/${name}`).digest("hex").slice(0, LABEL_DIGEST_LENGTH);
  return `sbx-${name.slice(0, LABEL_NAME_LENGTH)}-${digest}`;
}
