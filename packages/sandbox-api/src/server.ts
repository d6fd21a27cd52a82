import { toAppError } from "@dormouse/kernel";
import { readConfig } from "./config.ts";
import { startEntrypoint } from "./entrypoint.ts";
import { fileRoutes } from "./files/routes.ts";
import { type BuildInfo, createHealthHandler, welcome } from "./health.ts";
import { errorResponse } from "./http.ts";
import { createLogDirectory } from "./log-directory.ts";
import { ProcessTable } from "./processes/process-table.ts";
import { processRoutes } from "./processes/routes.ts";
import { type Answer, createRouter, type Route } from "./router.ts";
import { type SocketSession, WEB_SOCKET_HANDLER } from "./web-socket.ts";

export interface SandboxApiOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** The agent's environment: its settings, and what processes inherit except `DORMOUSE_*`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where processes start. */
  readonly cwd: string;
  readonly build: BuildInfo;
  /** Told of failures nobody expected; the client gets a 500 that says nothing about them. */
  readonly onUnexpectedError: (error: unknown) => void;
}

export interface SandboxApi extends AsyncDisposable {
  readonly port: number;
  /** Folder with the output of processes and of the entry point. */
  readonly logDirectory: string;
  /** Runs the image's own entry point beside the API; nothing when `argv` is empty or names the agent itself. */
  startEntrypoint(argv: readonly string[]): void;
  /** Lets requests under way finish for up to `graceMs`, then closes. Processes are not signalled. Idempotent. */
  close(graceMs: number): Promise<void>;
}

/** Serves the API on all interfaces. @throws the errno error of listening, `EADDRINUSE` when the port is taken. */
export function startSandboxApi(options: SandboxApiOptions): SandboxApi {
  const config = readConfig(options.env, options.cwd);
  const health = createHealthHandler(options.build);
  const server = listen(options.port, (request, agent) => route(request, agent));
  const logDirectory = createLogDirectory(config.logDirectory);
  const processes = new ProcessTable(config, logDirectory);
  const routes: Route[] = [
    { method: "GET", pattern: "/health", handle: health },
    ...processRoutes(config, processes),
    ...fileRoutes(config),
  ];
  const route = rendered(createRouter(routes, welcome), options.onUnexpectedError);
  const close = async (graceMs: number) => {
    await Promise.race([server.stop(), Bun.sleep(graceMs)]);
    await server.stop(true);
    processes[Symbol.dispose]();
  };
  return {
    port: server.port ?? options.port,
    logDirectory,
    startEntrypoint: (argv) => startEntrypoint(argv, config, logDirectory),
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

type Respond = (request: Request, server: Bun.Server<SocketSession>) => Answer | Promise<Answer>;

function listen(port: number, fetch: Respond): Bun.Server<SocketSession> {
  const settings = {
    port,
    fetch,
    websocket: WEB_SOCKET_HANDLER,
    development: false,
    // Without this the production mode shares the port with whoever else asks for it, instead of failing.
    reusePort: false,
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  };
  try {
    return Bun.serve({ ...settings, hostname: "::" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw error;
    // No IPv6 here.
    return Bun.serve({ ...settings, hostname: "0.0.0.0" });
  }
}

/** `answer` with every failure rendered as an answer. */
function rendered(answer: Respond, onUnexpectedError: (error: unknown) => void): Respond {
  const render = (thrown: unknown): Response => {
    const error = toAppError(thrown);
    if (error !== thrown) onUnexpectedError(thrown);
    return errorResponse(error);
  };
  return (request, server) => {
    try {
      const response = answer(request, server);
      return response instanceof Promise ? response.catch(render) : response;
    } catch (error) {
      return render(error);
    }
  };
}
