import { channel } from "node:diagnostics_channel";
import { join } from "node:path";
import type { AppError } from "@dormouse/kernel";
import { instanceDir, type MemoryEvent, serveEngine, startEngine } from "@dormouse/engine";
import { reportReady } from "../child.ts";
import type { Config } from "../config.ts";
import { armFault } from "../fault.ts";
import { openInstallation } from "../installation.ts";
import { createLog } from "../log.ts";

export interface EngineCommandOptions {
  readonly data: string;
  readonly serverUser: string;
  readonly serverGroup: string;
}

/** The privileged process: started by `up`, or by systemd with `PrivateMounts=yes`. */
export async function runEngine(options: EngineCommandOptions, config: Config): Promise<void> {
  armFault(config);
  const log = createLog({ process: "engine", level: config.logLevel });
  channel("dormouse.engine.memory").subscribe((message) => {
    const { atMs: _atMs, group, ...ended } = message as MemoryEvent;
    const owner = group.startsWith("build-") ? { build: group } : { sandboxId: group };
    log.warn({
      event: "sandbox.memory",
      ...owner,
      outcome: "a program was ended: it hung at the memory limit",
      ...ended,
    });
  });
  const onError = (error: AppError): void =>
    log.error({ event: "engine.error", code: error.code, err: error.cause ?? error });
  const { agentFile } = await openInstallation(config);
  const engine = await startEngine({
    dataDir: options.data,
    agentFile,
    serverUserId: Number(options.serverUser),
    admission: config.admission,
    builds: config.builds,
    onError,
    warmPool: warmSizes(config.warmPool),
    registries: mirrors(config.registries),
    pageOutAfterMs: config.pageOutAfterMs,
    ...(config.resolver === undefined ? {} : { resolver: config.resolver }),
  });
  const server = serveEngine(engine.port, {
    socketFile: join(instanceDir(engine.instance.name), "engine.sock"),
    groupId: Number(options.serverGroup),
    onError,
  });
  log.info({ event: "engine.start", instance: engine.instance.name, sandboxCount: engine.sandboxes.count });
  if (engine.unreadableIds.length > 0) {
    log.error({
      event: "engine.start",
      outcome: "records cannot be read, sandboxes left alone",
      ids: engine.unreadableIds,
    });
  }
  reportReady(config.readyFd, engine.instance.name);
  const stop = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    await engine.close();
    log.info({ event: "engine.stop", sandboxCount: engine.sandboxes.count });
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop());
}

/** From `image=count`; a name without a tag means its latest. */
function warmSizes(wishes: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    wishes.map((wish) => {
      const [image = "", count = ""] = wish.split("=");
      return [image.includes(":") ? image : `${image}:latest`, Number(count)];
    }),
  );
}

/** From `host=address`. */
function mirrors(settings: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    settings.map((setting) => {
      const [host = "", ...address] = setting.split("=");
      return [host, address.join("=")];
    }),
  );
}
