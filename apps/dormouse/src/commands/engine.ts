import { join } from "node:path";
import { instanceDir, serveEngine, startEngine } from "@dormouse/engine";
import { pino } from "pino";
import { reportReady } from "../child.ts";
import type { Config } from "../config.ts";
import { AGENT_FILE } from "../installation.ts";

export interface EngineCommandOptions {
  readonly data: string;
  readonly serverUser: string;
  readonly serverGroup: string;
}

/** The privileged process: started by `up`, or by systemd with `PrivateMounts=yes`. */
export async function runEngine(options: EngineCommandOptions, config: Config): Promise<void> {
  const log = pino({ level: config.logLevel, base: { process: "engine" } });
  const engine = await startEngine({
    dataDir: options.data,
    agentFile: AGENT_FILE,
    serverUserId: Number(options.serverUser),
    pageOutAfterMs: config.pageOutAfterMs,
    ...(config.resolver === undefined ? {} : { resolver: config.resolver }),
  });
  const server = serveEngine(engine.sandboxes, {
    socketFile: join(instanceDir(engine.instance.name), "engine.sock"),
    groupId: Number(options.serverGroup),
    onError: (error) => log.error({ event: "engine.error", code: error.code, err: error.cause ?? error }),
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
