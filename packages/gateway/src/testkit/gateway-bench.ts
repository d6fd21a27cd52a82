import http from "node:http";
import net from "node:net";
import { SandboxId } from "@dormouse/schema";
import { createErrorPages } from "../error-pages.ts";
import { createGateway, type Gateway, type GatewayMeter, SERVE_OPTIONS } from "../gateway.ts";
import { SandboxLife } from "../life.ts";
import type { DomainRoute, GatewayDirectory, PreviewRoute, SandboxRoute } from "@dormouse/schema";
import type { GatewaySocketData } from "../websocket.ts";
import { createEdgeReader } from "../trusted-proxies.ts";
import { MemoryEngine } from "./memory-engine.ts";

export const API_KEY = "key-of-acme";
export const TOKEN = "token-of-private";

export interface BenchOptions {
  readonly idleMs?: number;
  readonly domain?: string;
  readonly wakeTimeoutMs?: number;
  readonly trustedProxies?: readonly string[];
  readonly preview?: Partial<PreviewRoute>;
  readonly meter?: GatewayMeter | undefined;
}

let sandboxCount = 0;

/** A real server with a gateway in front of one sandbox, "box" of workspace "acme", that has a loopback address of its own. */
export class GatewayBench implements AsyncDisposable {
  readonly sandbox: SandboxRoute = {
    sandboxId: SandboxId.parse("box000001"),
    workspace: "acme",
    name: "box",
    hostLabel: "sbx-box-1",
  };
  readonly address = nextLoopbackAddress();
  readonly engine = new MemoryEngine(this.address);
  readonly life: SandboxLife;
  readonly previews = new Map<string, PreviewRoute>();
  readonly domains = new Map<string, DomainRoute>();
  isKeyLive = true;
  /** Of TOKEN, which opens the preview "closed". */
  isTokenLive = true;
  tokenExpiresAtMs: number | undefined;
  readonly gateway: Gateway;
  readonly #server: Bun.Server<GatewaySocketData>;
  readonly #closers: (() => void)[] = [];

  constructor(options: BenchOptions = {}) {
    this.life = new SandboxLife({ engine: this.engine, idleMs: options.idleMs ?? 60_000 });
    this.life.track({ id: this.sandbox.sandboxId, address: this.address, state: "running" });
    this.addPreview({ previewId: "open", isPublic: true, ...options.preview });
    this.addPreview({ previewId: "closed", ...options.preview });
    const gateway = createGateway({
      directory: this.#directory(),
      life: this.life,
      domain: options.domain,
      wakeTimeoutMs: options.wakeTimeoutMs,
      meter: options.meter,
      readEdge: createEdgeReader(options.trustedProxies ?? []),
      errorPages: createErrorPages(),
    });
    this.gateway = gateway;
    this.#server = Bun.serve<GatewaySocketData>({
      ...SERVE_OPTIONS,
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, server) => gateway.fetch(request, server) ?? new Response("not the gateway's", { status: 418 }),
      websocket: gateway.websocket,
    });
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  addPreview(preview: Partial<PreviewRoute> & { previewId: string }): void {
    const defaults = { sandbox: this.sandbox, port: 3000, isPublic: false, requestHeaders: {}, responseHeaders: {} };
    this.previews.set(preview.previewId, { ...defaults, ...preview });
  }

  addDomain(hostname: string, previewId: string, { isFallback = false } = {}): void {
    const preview = this.previews.get(previewId);
    if (preview === undefined) throw new Error(`There is no preview ${previewId}`);
    this.domains.set(hostname, { domain: "example.com", preview, isFallback });
  }

  onEnd(close: () => void): void {
    this.#closers.push(close);
  }

  /** A raw TCP app inside the sandbox. */
  async listen(port: number, onConnection: (socket: net.Socket) => void): Promise<net.Server> {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(port, this.address, resolve));
    this.#closers.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return server;
  }

  /** A node:http app inside the sandbox. */
  async listenHttp(port: number, onRequest: http.RequestListener): Promise<http.Server> {
    const server = http.createServer(onRequest);
    await new Promise<void>((resolve) => server.listen(port, this.address, resolve));
    this.#closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers) close();
    this.gateway[Symbol.dispose]();
    await this.life[Symbol.asyncDispose]();
    await this.#server.stop(true);
  }

  #directory(): GatewayDirectory {
    return {
      findSandbox: (workspace, name) => (workspace === "acme" && name === "box" ? this.sandbox : undefined),
      findSandboxByLabel: (label) => (label === this.sandbox.hostLabel ? this.sandbox : undefined),
      findPreview: (previewId) => this.previews.get(previewId),
      findDomain: (hostname) => this.domains.get(hostname),
      isApiKeyValid: (workspace, apiKey) => workspace === "acme" && apiKey === API_KEY && this.isKeyLive,
      findPreviewToken: (previewId, token) =>
        previewId === "closed" && token === TOKEN && this.isTokenLive
          ? { expiresAtMs: this.tokenExpiresAtMs }
          : undefined,
    };
  }
}

function nextLoopbackAddress(): string {
  sandboxCount += 1;
  return `127.${10 + (process.pid % 200)}.${(process.pid >> 8) % 250}.${sandboxCount % 250}`;
}
