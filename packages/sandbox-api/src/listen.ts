import { toAppError } from "@dormouse/kernel";
import { errorResponse } from "./http.ts";
import type { Answer } from "./router.ts";
import { type SocketSession, WEB_SOCKET_HANDLER } from "./web-socket.ts";

export type Server = Bun.Server<SocketSession>;
export type Respond = (request: Request, server: Server) => Answer | Promise<Answer>;

const QUIET_LOOK_INTERVAL_MS = 10;

/** A port that is open already; whoever opened it says who answers there before the event loop goes on. */
export interface OpenPort {
  readonly server: Server;
  readonly answer: (respond: Respond) => void;
}

/** On all interfaces of both IP families. @throws the errno error of listening, `EADDRINUSE` when the port is taken. */
export function openPort(port: number): OpenPort {
  let respond: Respond;
  const server = listen(port, (request, agent) => respond(request, agent));
  return { server, answer: (answerer) => void (respond = answerer) };
}

function listen(port: number, fetch: Respond): Server {
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

/** Resolves when `server` has no request under way, or after `timeoutMs`. */
export async function untilQuiet(server: Server, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (server.pendingRequests > 0 && performance.now() < deadlineMs) await Bun.sleep(QUIET_LOOK_INTERVAL_MS);
}

/** `answer` with every failure rendered as an answer. */
export function rendered(answer: Respond, onUnexpectedError: (error: unknown) => void): Respond {
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

/** `answer` with the time it took to begin, in `Server-Timing`. */
export function timed(answer: Respond): Respond {
  return async (request, server) => {
    const startedAtMs = performance.now();
    const response = await answer(request, server);
    const durationMs = (performance.now() - startedAtMs).toFixed(2);
    response?.headers.set("Server-Timing", `total;dur=${durationMs};desc="Total processing time"`);
    return response;
  };
}

/** `answer`, its requests waiting for `ready`; null means now. */
export function heldUntil(ready: Promise<unknown> | null, answer: Respond): Respond {
  if (ready === null) return answer;
  let isReady = false;
  void ready.then(() => (isReady = true));
  return (request, server) => (isReady ? answer(request, server) : ready.then(() => answer(request, server)));
}

/** What `action` returns; `server` is closed when it throws. */
export function orClose<T>(server: Server, action: () => T): T {
  try {
    return action();
  } catch (error) {
    void server.stop(true);
    throw error;
  }
}
