import { channel } from "node:diagnostics_channel";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { createControlPlane, ensureInstallation, loadDirectory, recover } from "@dormouse/control-plane";
import { instanceDir } from "@dormouse/engine";
import { connectEngine } from "@dormouse/engine/client";
import { createGateway, SandboxLife, SERVE_OPTIONS } from "@dormouse/gateway";
import { WorkspaceName } from "@dormouse/schema";
import { openStore } from "@dormouse/store";
import { pino } from "pino";
import { reportReady } from "../child.ts";
import type { Config } from "../config.ts";

export interface ServerCommandOptions {
  readonly data: string;
  readonly instance: string;
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
  const log = pino({ level: config.logLevel, base: { process: "server" } });
  const clock = Date.now;
  const store = await openStore({ sqlitePath: join(options.data, "dormouse.sqlite") });
  await ensureInstallation(
    { store, clock },
    { workspace: WorkspaceName.parse(config.workspace), keyHash: config.adminKeyHash },
  );
  const engine = connectEngine(join(instanceDir(options.instance), "engine.sock"), {
    restartTimeoutMs: ENGINE_RESTART_TIMEOUT_MS,
  });
  const life = new SandboxLife({ engine, idleMs: config.idleMs });
  channel("dormouse.gateway.life").subscribe((event) => log.info(event));
  const directory = await loadDirectory(store, clock);
  const deps = {
    store,
    engine,
    life,
    directory,
    clock,
    log,
    settings: {
      publicUrl: config.publicUrl,
      previewUrlStyle: "host",
      memoryMaxMb: Math.max(STOCK_MEMORY_MB, Math.floor(totalmem() / 1024 / 1024)),
      cpuCount: cpus().length,
    },
  } as const;
  await recover(deps);
  const controlPlane = createControlPlane(deps);
  const gateway = createGateway({ directory, life });
  const server = listenOn(config, () =>
    Bun.serve({
      ...SERVE_OPTIONS,
      hostname: config.host,
      port: config.port,
      websocket: gateway.websocket,
      fetch(request, server) {
        const forwarded = gateway.fetch(request, server);
        if (forwarded !== null) return forwarded;
        if (new URL(request.url).pathname === "/health") return Response.json({ status: "ok" });
        // A create answers when the sandbox serves, which may take longer than a connection may be silent.
        server.timeout(request, 0);
        return controlPlane.fetch(request);
      },
    }),
  );
  log.info({ event: "server.start", url: server.url.href, dataDir: options.data });
  reportReady(config.readyFd, String(server.port));
  const stop = async (): Promise<void> => {
    await server.stop(true);
    await life[Symbol.asyncDispose]();
    await store.close();
    log.info({ event: "server.stop" });
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop());
}

function listenOn<T>({ host, port }: Config, listen: () => T): T {
  try {
    return listen();
  } catch (cause) {
    const isTaken = (cause as { code?: unknown }).code === "EADDRINUSE";
    const state = isTaken ? "another program uses it" : String(cause);
    throw new Error(`Cannot listen on port ${port} of ${host}: ${state}. Choose another one with --port or --host`, {
      cause,
    });
  }
}
