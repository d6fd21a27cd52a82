import { AppError } from "@dormouse/kernel";
import type { FileChange, ProcessPorts, RelayPort, SandboxPorts } from "@dormouse/schema";
import { existsSync } from "node:fs";
import { json, orUnprocessable } from "../http.ts";
import { JsonFields } from "../json-body.ts";
import type { ManagedProcess } from "../processes/managed-process.ts";
import type { ProcessTable } from "../processes/process-table.ts";
import type { RequestContext, Route } from "../router.ts";
import { parseCallback } from "./callback.ts";
import { LoopbackRelays } from "./loopback-relays.ts";
import { PortMonitors, type WatchedProcess } from "./port-monitors.ts";
import { listListeners, listPorts } from "./ports.ts";
import { tunnelRoutes } from "./tunnel.ts";

export interface Network extends Disposable {
  /** Everything under `/network`. */
  readonly routes: readonly Route[];
}

/** What the platform itself answers on; also refused as `ports` of a sandbox. */
const RESERVED_PORTS: ReadonlySet<number> = new Set([80, 443, 8080]);

/** Ports of processes, monitors on them, relays to those on loopback, and the tunnel. Disposing ends monitors and relays. */
export function createNetwork(processes: ProcessTable): Network {
  const find = (pid: number) => watchedProcess(processes, pid);
  const monitors = new PortMonitors(find);
  const relays = new LoopbackRelays();
  const monitor = "/network/process/:pid/monitor";
  const routes: Route[] = [
    { method: "GET", pattern: "/network/ports", handle: getSandboxPorts },
    {
      method: "GET",
      pattern: "/network/process/:pid/ports",
      handle: (context) => getProcessPorts(readPid(context), find),
    },
    { method: "POST", pattern: monitor, handle: (context) => startMonitor(monitors, context) },
    { method: "DELETE", pattern: monitor, handle: (context) => stopMonitor(monitors, context) },
    { method: "POST", pattern: "/network/relays/:port", handle: (context) => openRelay(relays, context) },
    ...tunnelRoutes(),
  ];
  const close = () => {
    monitors[Symbol.dispose]();
    relays[Symbol.dispose]();
  };
  return { routes, [Symbol.dispose]: close };
}

async function getSandboxPorts(): Promise<Response> {
  const ports = await orUnprocessable("error listing ports", () => listListeners());
  return json({ ports } satisfies SandboxPorts);
}

async function getProcessPorts(pid: number, find: (pid: number) => WatchedProcess): Promise<Response> {
  const ports = await orUnprocessable("error listing ports", () => listPorts(find(pid).groupId));
  return json({ pid, ports } satisfies ProcessPorts);
}

async function startMonitor(monitors: PortMonitors, context: RequestContext): Promise<Response> {
  const pid = readPid(context);
  const callback = (await JsonFields.of(context.request)).requiredString("callback");
  monitors.start(pid, parseCallback(callback));
  return json({ path: "", message: "Port monitoring started" } satisfies FileChange);
}

function stopMonitor(monitors: PortMonitors, context: RequestContext): Response {
  monitors.stop(readPid(context));
  return json({ path: "", message: "Port monitoring stopped" } satisfies FileChange);
}

async function openRelay(relays: LoopbackRelays, { params }: RequestContext): Promise<Response> {
  const port = /^\d{1,5}$/.test(params["port"] ?? "") ? Number(params["port"]) : 0;
  if (port < 1 || port > 65_535) throw new AppError("INVALID_ARGUMENT", "invalid port");
  if (RESERVED_PORTS.has(port))
    throw new AppError("INVALID_ARGUMENT", `Cannot relay to port ${port}: the port is reserved`);
  const relayPort = await orUnprocessable("error opening a relay", () => relays.open(port));
  return json({ port: relayPort } satisfies RelayPort);
}

/** A process the agent started keeps its pid for clients when it restarts as another one. */
function watchedProcess(processes: ProcessTable, pid: number): WatchedProcess {
  const started = findStarted(processes, pid);
  if (started === undefined) return { groupId: pid, hasEnded: !existsSync(`/proc/${pid}`) };
  return { groupId: started.groupId, hasEnded: started.hasFinished && !started.hasLiveGroup };
}

function findStarted(processes: ProcessTable, pid: number): ManagedProcess | undefined {
  try {
    return processes.get(String(pid));
  } catch {
    return undefined;
  }
}

function readPid({ params }: RequestContext): number {
  const pid = /^[+-]?\d+$/.test(params["pid"] ?? "") ? Number(params["pid"]) : Number.NaN;
  if (!Number.isSafeInteger(pid)) throw new AppError("INVALID_ARGUMENT", "invalid PID");
  return pid;
}
