import type { SandboxId } from "./engine.ts";

/** Where a sandbox is found; whoever forwards to it never looks further into the record. */
export interface SandboxRoute {
  readonly sandboxId: SandboxId;
  readonly workspace: string;
  readonly name: string;
  /** First label of the host that its base URL has for itself. */
  readonly hostLabel: string;
  /** Why it takes no requests now; absent when it does. */
  readonly refusal?: "disabled" | "starting" | "building";
}

export interface PreviewRoute {
  readonly previewId: string;
  readonly sandbox: SandboxRoute;
  /** Port inside the sandbox; 443 means the sandbox API. */
  readonly port: number;
  readonly isPublic: boolean;
  /** Set on every request the app receives. */
  readonly requestHeaders: Readonly<Record<string, string>>;
  /** Replace the headers of the same name on every answer, errors and preflights included. */
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** The app sees `localhost:PORT` as its host, for dev servers that check it; absent: the host its visitors see. */
  readonly hostHeader?: "localhost";
  /** After this time the preview answers 410. */
  readonly expiresAtMs?: number;
}

/** What a host under a custom domain leads to. */
export interface DomainRoute {
  /** The verified domain that the host belongs to. */
  readonly domain: string;
  readonly preview: PreviewRoute;
  /** No preview has the host itself: this one serves all such hosts of the domain. */
  readonly isFallback: boolean;
}

export interface PreviewTokenRoute {
  readonly expiresAtMs: number | undefined;
}

/**
 * What the control plane knows and the gateway asks, as synchronous look-ups in memory: a forwarded request costs tens of
 * microseconds, so a query to the database per request is not affordable. Revocation and expiry are effective at the next
 * request.
 */
export interface GatewayDirectory {
  /** Only sandboxes that are, or were, deployed are found. */
  findSandbox(workspace: string, name: string): SandboxRoute | undefined;
  /** By the first label of its own host. */
  findSandboxByLabel(hostLabel: string): SandboxRoute | undefined;
  findPreview(previewId: string): PreviewRoute | undefined;
  /** `hostname` in lower case and without port. Never an expired preview. */
  findDomain(hostname: string): DomainRoute | undefined;
  /** True when `apiKey` is a live credential of `workspace`. */
  isApiKeyValid(workspace: string, apiKey: string): boolean;
  /** Undefined for a token that is unknown, revoked or expired. */
  findPreviewToken(previewId: string, token: string): PreviewTokenRoute | undefined;
}
