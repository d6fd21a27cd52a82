import { createFeatures } from "./features.ts";
import { fileRoutes } from "./files/routes.ts";
import { type BuildInfo, createHealthHandler, welcome } from "./health.ts";
import { ImagePrograms } from "./image-programs.ts";
import { heldUntil, openPort, type OpenPort, orClose, rendered, timed } from "./listen.ts";
import { ProcessTable } from "./processes/process-table.ts";
import { processRoutes } from "./processes/routes.ts";
import { createRouter, type RequestContext, type Route } from "./router.ts";
import { settle, type SettleOptions } from "./settle.ts";
import { createUpgrade, type UpgradeOptions } from "./upgrade/create.ts";
import { upgradeRoutes } from "./upgrade/routes.ts";
import { goOn } from "./upgrade/go-on.ts";
import { NEVER_UPGRADED } from "./upgrade/upgrade.ts";
import { asksForWebSocket } from "./web-socket.ts";

export interface SandboxApiOptions extends SettleOptions, UpgradeOptions {
  readonly build: BuildInfo;
  /** Where to serve, when it is open already. */
  readonly openPort?: OpenPort | undefined;
  /** Told of failures nobody expected; the client gets a 500 that says nothing about them. */
  readonly onUnexpectedError: (error: unknown) => void;
}

export interface SandboxApi extends AsyncDisposable {
  readonly port: number;
  /** Folder with the output of processes and of the entry point. */
  readonly logDirectory: string;
  /** Runs the image's own entry point beside the API; nothing when `argv` is empty or names the agent itself. */
  startEntrypoint(argv: readonly string[]): void;
  /** Runs `command` once with the shell, in `/`. */
  startCommand(command: string): void;
  /** Lets requests under way finish for up to `graceMs`, then closes. Terminals end, processes are not signalled. Idempotent. */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves the API on all interfaces. @throws the errno error of listening, `EADDRINUSE` when the port is taken;
 * {AppError} INVALID_ARGUMENT when it cannot be the user it is asked to be.
 */
export function startSandboxApi(options: SandboxApiOptions): SandboxApi {
  const state = options.takeover?.state ?? null;
  const { server, answer: answerWith } = options.openPort ?? openPort(state?.port ?? options.port);
  const settled = orClose(server, () => settle(options, state));
  const { config, logDirectory } = settled;
  const programs = new ImagePrograms(config, logDirectory);
  const processes = new ProcessTable(config, logDirectory);
  const resources = new AsyncDisposableStack();
  const { onUnexpectedError } = options;
  const features = createFeatures({ config, processes, logDirectory, resources, onUnexpectedError });
  const upgrade = createUpgrade(options, { server, settled, programs, processes });
  const routes: Route[] = [
    { method: "GET", pattern: "/health", handle: createHealthHandler(options.build, upgrade ?? NEVER_UPGRADED) },
    ...processRoutes(config, processes),
    ...fileRoutes(config),
    ...(upgrade === null ? [] : upgradeRoutes(upgrade)),
  ];
  const root = async (context: RequestContext) =>
    asksForWebSocket(context.request) ? (await features.loadMcp()).connect(context) : welcome();
  const answer = rendered(createRouter({ routes, features: features.all, root }), onUnexpectedError);
  const isTimed = options.env["ENABLE_PROCESSING_TIME"] === "true";
  const goingOn = state === null ? null : goOn(state, { processes, programs }).catch(onUnexpectedError);
  answerWith(heldUntil(goingOn, isTimed ? timed(answer) : answer));
  const close = async (graceMs: number) => {
    await resources.disposeAsync();
    await Promise.race([server.stop(), Bun.sleep(graceMs)]);
    await server.stop(true);
    processes[Symbol.dispose]();
    programs[Symbol.dispose]();
  };
  return {
    port: server.port ?? options.port,
    logDirectory,
    startEntrypoint: (argv) => programs.startEntrypoint(argv),
    startCommand: (command) => programs.startCommand(command),
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}
