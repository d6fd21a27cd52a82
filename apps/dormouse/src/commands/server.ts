import { channel } from "node:diagnostics_channel";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import {
  type ApiRequestEvent,
  AuditLog,
  type ControlPlaneSettings,
  createControlPlane,
  createSandboxContext,
  ensureInstallation,
  loadDirectory,
  type Logger,
  noteRestart,
  recover,
  Scheduler,
  startUpkeep,
  type SandboxContext,
} from "@dormouse/control-plane";
import { instanceDir } from "@dormouse/engine";
import { connectEngine } from "@dormouse/engine/client";
import {
  connectionOf,
  createEdgeReader,
  createErrorPages,
  createGateway,
  type Gateway,
  type LifeEvent,
  SandboxLife,
} from "@dormouse/gateway";
import { WorkspaceName } from "@dormouse/schema";
import { openStore, type Store } from "@dormouse/store";
import { reportReady } from "../child.ts";
import type { Config } from "../config.ts";
import { armFault } from "../fault.ts";
import { dnsResolver } from "../dns-resolver.ts";
import { type Handover, receiveHandovers } from "../handover.ts";
import { readHub } from "../hub.ts";
import { recordsIn } from "../installation.ts";
import { Listener } from "../listener.ts";
import { createLog } from "../log.ts";
import { answerWithKey, METRICS_PATH, openMetricsPort, type RenderMetrics } from "../metrics/endpoint.ts";
import { ServerMetrics } from "../metrics/server-metrics.ts";
import { callsOver } from "../sandbox-calls.ts";

export interface ServerCommandOptions {
  readonly data: string;
  readonly instance: string;
  readonly recipes: string;
}

/** What the stock client asks for when its user does not say: it must not be refused on a small host. */
const STOCK_MEMORY_MB = 4096;

/** An engine that died is back well within this time, and no client sees that it was away. */
const ENGINE_RESTART_TIMEOUT_MS = 10_000;

/** The unprivileged process the world reaches: control plane and gateway on one port. */
export async function runServer(options: ServerCommandOptions, config: Config): Promise<void> {
  if (process.getuid?.() === 0) throw new Error("Cannot start the server: it must not run as root. Use `dormouse up`");
  if (config.adminKeyHash === undefined)
    throw new Error("Cannot start the server: it has no administrator key. Use `dormouse up`");
  armFault(config);
  const metrics = new ServerMetrics();
  const log = metrics.counting(createLog({ process: "server", level: config.logLevel }));
  const handovers = receiveHandovers();
  const { value: handover } = await handovers.next();
  if (handover === undefined) throw new Error("Cannot start the server: nothing was handed to it. Use `dormouse up`");
  const store = await openStore(recordsIn(options.data, config));
  await ensureInstallation(
    { store, clock: Date.now },
    { workspace: WorkspaceName.parse(config.workspace), keyHash: config.adminKeyHash },
  );
  const rooms = await connectRooms(options, config, { store, log, metrics });
  const { deps, life } = rooms;
  await recover(deps);
  await deps.scheduler.start();
  const upkeep = startUpkeep(deps);
  const gateway = openGateway(config, handover, rooms);
  const render = (): Promise<string> => metrics.render({ engine: deps.engine, life, gateway });
  const metricsPort = config.metricsPort === undefined ? undefined : openMetricsPort(config.metricsPort, render);
  const listener = openListener(config, handover, { deps, gateway, render });
  log.info({ event: "server.start", url: listener.url.href, dataDir: options.data });
  reportReady(config.readyFd, String(listener.port));
  void followCertificates(handovers, listener, log);
  const stop = async (): Promise<void> => {
    await listener[Symbol.asyncDispose]();
    await metricsPort?.[Symbol.asyncDispose]();
    await deps.scheduler[Symbol.asyncDispose]();
    await deps[Symbol.asyncDispose]();
    await life[Symbol.asyncDispose]();
    await upkeep[Symbol.asyncDispose]();
    await store.close();
    log.info({ event: "server.stop" });
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop());
}

interface Rooms {
  readonly deps: SandboxContext;
  readonly life: SandboxLife;
  readonly metrics: ServerMetrics;
}

/** What the routes work with, over the engine's socket and the opened store. */
async function connectRooms(
  options: ServerCommandOptions,
  config: Config,
  { store, log, metrics }: { store: Store; log: Logger; metrics: ServerMetrics },
): Promise<Rooms> {
  const clock = Date.now;
  const engine = connectEngine(join(instanceDir(options.instance), "engine.sock"), {
    restartTimeoutMs: ENGINE_RESTART_TIMEOUT_MS,
  });
  const life = new SandboxLife({ engine, idleMs: config.idleMs });
  const calls = callsOver(life);
  const directory = await loadDirectory(store, clock);
  const deps = createSandboxContext({
    store,
    engine,
    life,
    directory,
    audit: new AuditLog({ store, log, clock }),
    resolver: dnsResolver({ servers: config.dnsServers }),
    calls,
    scheduler: new Scheduler({ store, calls, log, clock }),
    clock,
    log,
    settings: settingsOf(config),
    hub: readHub(options.recipes, log),
  });
  channel("dormouse.gateway.life").subscribe((message) => {
    const event = message as LifeEvent;
    log[event.outcome === "success" ? "info" : "error"]({ ...event });
    noteLifeEvent(deps, event);
  });
  channel("dormouse.control-plane.request").subscribe((event) => metrics.noteApiRequest(event as ApiRequestEvent));
  return { deps, life, metrics };
}

function noteLifeEvent(deps: SandboxContext, { sandboxId, restart }: LifeEvent): void {
  deps.lastUse.note(sandboxId);
  void noteRestart(deps, { id: sandboxId, restart }).catch((error: unknown) =>
    deps.log.error({ event: "sandbox.restart", outcome: "not recorded, but at the next start", err: error }),
  );
}

function settingsOf(config: Config): ControlPlaneSettings {
  return {
    publicUrl: config.publicUrl,
    previewUrlStyle: "host",
    sandboxUrlStyle: config.domain === undefined ? "path" : "host",
    domain: config.domain,
    redirectUris: config.redirectUris,
    memoryMaxMb: Math.max(STOCK_MEMORY_MB, Math.floor(totalmem() / 1024 / 1024)),
    cpuCount: cpus().length,
    hasWarmPool: config.warmPool.length > 0,
    auditRetentionDays: config.auditRetentionDays,
  };
}

/** Host name that names of ours stand in front of. */
function domainOf({ domain, publicUrl }: Config): string | undefined {
  return domain ?? (publicUrl === undefined ? undefined : new URL(publicUrl).hostname);
}

function openGateway(config: Config, handover: Handover, { deps, life, metrics }: Rooms): Gateway {
  return createGateway({
    directory: deps.directory,
    life,
    domain: domainOf(config),
    readEdge: createEdgeReader(config.trustedProxies),
    errorPages: createErrorPages(handover.errorPages),
    meter: metrics,
  });
}

interface FrontDoor {
  readonly deps: SandboxContext;
  readonly gateway: Gateway;
  readonly render: RenderMetrics;
}

function openListener(config: Config, handover: Handover, { deps, gateway, render }: FrontDoor): Listener {
  const readEdge = createEdgeReader(config.trustedProxies);
  const controlPlane = createControlPlane(deps);
  const { credentials } = deps.directory;
  const workspace = WorkspaceName.parse(config.workspace);
  return new Listener({
    host: config.host,
    port: config.port,
    certificates: handover.certificates,
    clientTimeoutMs: config.clientTimeoutMs,
    websocket: gateway.websocket,
    fetch(request, server) {
      const forwarded = gateway.fetch(request, server);
      if (forwarded !== null) return forwarded;
      const { pathname } = new URL(request.url);
      if (pathname === "/health") return Response.json({ status: "ok" });
      if (pathname === METRICS_PATH) return answerWithKey(request, { credentials, workspace }, render);
      // A create answers when the sandbox serves, which may take longer than a connection may be silent.
      server.timeout(request, 0);
      const { clientAddress } = readEdge(connectionOf(request, server), request.headers);
      const answer = controlPlane.fetch(request, { clientAddress });
      return request.method === "GET" ? answer : settleAfter(answer, gateway, deps.store);
    },
  });
}

/** Whatever a call may have revoked is cut off before the caller hears that it is done; the disk gets to know meanwhile. */
async function settleAfter(answer: Response | Promise<Response>, gateway: Gateway, store: Store): Promise<Response> {
  const response = await answer;
  gateway.recheck();
  store.flush();
  return response;
}

/** Every later handover is a renewal of certificates. */
async function followCertificates(handovers: AsyncIterable<Handover>, listener: Listener, log: Logger): Promise<void> {
  for await (const { certificates } of handovers) {
    try {
      listener.replaceCertificates(certificates);
      log.info({ event: "server.certificates", outcome: "replaced", count: certificates.length });
    } catch (error) {
      log.error({ event: "server.certificates", outcome: "the old ones stay", err: error });
    }
  }
}
