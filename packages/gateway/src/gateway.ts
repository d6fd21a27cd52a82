import { AppError, toAppError } from "@dormouse/kernel";
import type { Server } from "bun";
import type { Grant } from "./access.ts";
import { previewCookie } from "./cookies.ts";
import type { ErrorPages } from "./error-pages.ts";
import { errorResponse } from "./error-response.ts";
import { redirectAfterFirstVisit } from "./first-visit.ts";
import { forward, type ForwardJob } from "./forward.ts";
import { upstreamHeaders, type Edge } from "./headers.ts";
import { Lease } from "./lease.ts";
import type { SandboxLife } from "./life.ts";
import { findPlace, type Place } from "./place.ts";
import type { GatewayDirectory } from "@dormouse/schema";
import { answerPreflight } from "./preflight.ts";
import { authorize, destinationOf, findRoute, sandboxOf, type Route } from "./route.ts";
import { connectionOf, type EdgeReader } from "./trusted-proxies.ts";
import { isWebSocketUpgrade, joinWebSockets, webSocketHandlers, type GatewaySocketData } from "./websocket.ts";

export interface GatewayDeps {
  readonly directory: GatewayDirectory;
  readonly life: SandboxLife;
  /** Tells where a request comes from, which a proxy in front may know better. */
  readonly readEdge: EdgeReader;
  /** What browsers are shown instead of an app. */
  readonly errorPages: ErrorPages;
}

export interface Gateway {
  /** Null when the request is not for the gateway; undefined inside the promise once it has become a WebSocket. Never rejects. */
  fetch(request: Request, server: Server<GatewaySocketData>): Promise<Response | undefined> | null;
  readonly websocket: typeof webSocketHandlers;
}

/** What `Bun.serve` must be told beside `fetch` and `websocket`. */
export const SERVE_OPTIONS = {
  /** Bun refuses uploads above 128 MiB by default; the sandbox's own disk is the limit here. */
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  /** For connections that send nothing; the gateway lifts it from each request it forwards. */
  idleTimeout: 120,
  /** Off, because Bun's error page would show our source. */
  development: false,
  /** Without it, and with `development` off, a second server would share the port instead of failing. */
  reusePort: false,
} as const;

/** Resolves, authenticates, wakes and forwards; needs nothing but its dependencies and `SERVE_OPTIONS`. */
export function createGateway(deps: GatewayDeps): Gateway {
  return {
    fetch(request, server) {
      const place = findPlace(request.url);
      return place === undefined ? null : answer(deps, { request, server }, place);
    },
    websocket: webSocketHandlers,
  };
}

interface Arrival {
  readonly request: Request;
  readonly server: Server<GatewaySocketData>;
}

async function answer(deps: GatewayDeps, arrival: Arrival, place: Place): Promise<Response | undefined> {
  const { request } = arrival;
  let route: Route | undefined;
  try {
    refuseUnforwardable(request);
    route = findRoute(deps.directory, place);
    const { port } = destinationOf(route, route.path);
    const preflight = answerPreflight(request, port, route.preview?.responseHeaders ?? {});
    if (preflight !== undefined) return preflight;
    return await admit(deps, arrival, route);
  } catch (thrown) {
    const accept = request.headers.get("accept");
    const requestPath = new URL(request.url).pathname;
    const responseHeaders = route?.preview?.responseHeaders;
    return errorResponse(toAppError(thrown), { accept, responseHeaders, requestPath, pages: deps.errorPages });
  }
}

function admit(deps: GatewayDeps, arrival: Arrival, route: Route): Response | Promise<Response | undefined> {
  const { request } = arrival;
  const grant = authorize(deps.directory, request.headers, route);
  const edge = deps.readEdge(connectionOf(request, arrival.server), request.headers);
  const scope = { mount: route.mount, isHttps: edge.protocol === "https" };
  const cookie = grant.tokenFromQuery === undefined ? undefined : previewCookie(grant.tokenFromQuery, scope);
  return (
    redirectAfterFirstVisit({ request, route, grant, cookie }) ?? pass(deps, arrival, { route, grant, edge, cookie })
  );
}

interface Admission {
  readonly route: Route;
  readonly grant: Grant;
  readonly edge: Edge;
  readonly cookie: string | undefined;
}

function pass(deps: GatewayDeps, { request, server }: Arrival, admission: Admission): Promise<Response | undefined> {
  const { route, grant, edge, cookie } = admission;
  const { sandboxId, name: sandboxName } = sandboxOf(deps.directory, route);
  const { preview } = route;
  const target = {
    request,
    sandboxName,
    ...destinationOf(route, grant.path),
    headers: upstreamHeaders(request.headers, {
      edge,
      isAuthorizationOurs: grant.isAuthorizationOurs,
      injected: preview?.requestHeaders,
    }),
    downstream: { replaced: preview?.responseHeaders, cookie },
  };
  // Neither a wake nor a silent stream may run into the connection's idle time.
  server.timeout(request, 0);
  const acquired = deps.life.acquire(sandboxId);
  const start = (lease: Lease): Promise<Response | undefined> => {
    const job: ForwardJob = { ...target, lease };
    return isWebSocketUpgrade(request) ? joinWebSockets(job, server) : forward(job);
  };
  // An awake sandbox is the usual case and costs no turn of the event loop.
  return acquired instanceof Lease ? start(acquired) : acquired.then(start);
}

/**
 * Bun refuses broken framing itself. Repeated headers it joins with a comma, which the app's server may read differently; the
 * body of a GET it swallows, and an app must not answer to half a request.
 */
function refuseUnforwardable({ method, headers }: Request): void {
  if (method === "CONNECT" || method === "TRACE") throw unforwardable(`method ${method} is not allowed`);
  const length = headers.get("content-length");
  if (length?.includes(",") === true || headers.get("host")?.includes(",") === true)
    throw unforwardable("a header is repeated");
  if (method !== "GET" && method !== "HEAD") return;
  if ((length !== null && length !== "0") || headers.has("transfer-encoding"))
    throw unforwardable(`a ${method} with a body is not supported`);
}

function unforwardable(state: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot forward the request: ${state}`);
}
