import type { SandboxRecord } from "@dormouse/store";
import type { ControlPlaneSettings } from "./ports.ts";

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** What clients reach this server at, without a trailing slash. */
export function publicBaseUrl(settings: ControlPlaneSettings, requestUrl: string): string {
  return (settings.publicUrl ?? new URL(requestUrl).origin).replace(/\/+$/, "");
}

/** Base of the sandbox API of one sandbox, without a trailing slash. */
export function sandboxUrl(baseUrl: string, { workspace, name }: SandboxRecord): string {
  return `${baseUrl}/run/${workspace}/sandboxes/${name}`;
}

/** Host-style unless asked otherwise; a bare address can carry no name in front, so it gets a path. */
export function previewUrl(baseUrl: string, previewId: string, style: "host" | "path"): string {
  const url = new URL(baseUrl);
  const isLoopback = LOOPBACK_HOSTS.has(url.hostname);
  const isAddress = /^[\d.]+$|^\[/.test(url.hostname);
  if (style === "path" || (isAddress && !isLoopback)) return `${baseUrl}/preview/${previewId}`;
  url.hostname = `${previewId}.preview.${isLoopback ? "localhost" : url.hostname}`;
  return url.origin;
}
