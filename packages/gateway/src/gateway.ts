import { AppError, type ErrorCode, toAppError } from "@dormouse/kernel";
import type { Server } from "bun";
import type { Grant } from "./access.ts";
import { previewCookies, terminalCookie } from "./cookies.ts";
import type { ErrorPages } from "./error-pages.ts";
import { errorResponse } from "./error-response.ts";
import { forward, type ForwardJob } from "./forward.ts";
import { upstreamHeaders, type Edge, type UpstreamHeaderRules } from "./headers.ts";
import { Lease, type LeaseUse } from "./lease.ts";
import type { SandboxLife } from "./life.ts";
import { redirectNavigation } from "./navigation.ts";
import { type ConnectionType, OpenConnections } from "./open-connections.ts";
import { type AddressBook, AGENT_PORT, findPlace, type Place } from "./place.ts";
import type { GatewayDirectory } from "@dormouse/schema";
import { answerPreflight } from "./preflight.ts";
import { pathOf } from "./raw-path.ts";
import { authorize, destinationOf, findRoute, sandboxOf, type Route } from "./route.ts";
import { connectionOf, type EdgeReader } from "./trusted-proxies.ts";
import { isWebSocketUpgrade, joinWebSockets, webSocketHandlers, type GatewaySocketData } from "./websocket.ts";

/**
 * Told of everything the gateway answers. It stands in the way of every request, so it must neither wait nor throw, and
 * cost next to nothing.
 */
export interface GatewayMeter {
  /** An answer's head was sent after `durationMs`, or with status 101 a WebSocket joined. */
  noteAnswer(kind: Place["kind"], status: number, durationMs: number): void;
  /** The answer was the gateway's own failure. */
  noteFailure(code: ErrorCode): void;
}

export interface GatewayDeps {
  readonly directory: GatewayDirectory;
  readonly life: SandboxLife;
  /** Host name that hosts of previews and sandboxes stand in front of; undefined: whatever each client used. */
  readonly domain?: string | undefined;
  /** Tells where a request comes from, which a proxy in front may know better. */
  readonly readEdge: EdgeReader;
  /** What browsers are shown instead of an app. */
  readonly errorPages: ErrorPages;
  /** Longest that a request is held while its sandbox wakes; 30 s unless said. */
  readonly wakeTimeoutMs?: number | undefined;
  readonly meter?: GatewayMeter | undefined;
}

export interface Gateway extends Disposable {
  /** Null when the request is not for the gateway; undefined inside the promise once it has become a WebSocket. Never rejects. */
  fetch(request: Request, server: Server<GatewaySocketData>): Promise<Response | undefined> | null;
  readonly websocket: typeof webSocketHandlers;
  /** Ends every stream and WebSocket that would not be admitted any more; to be called when rights may have changed. */
  recheck(): void;
  /** Streams and WebSockets that are open now. */
  openConnections(): Readonly<Record<ConnectionType, number>>;
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

const WAKE_TIMEOUT_MS = 30_000;
const SWITCHED_PROTOCOLS = 101;
/** `ID.preview.` and `LABEL.run.` in front of the base host. */
const HOST_LABEL_COUNT = 2;

/** Resolves, authenticates, wakes and forwards; needs nothing but its dependencies and `SERVE_OPTIONS`. */
export function createGateway(deps: GatewayDeps): Gateway {
  const open = new OpenConnections(deps.directory);
  const book = addressBookOf(deps);
  return {
    fetch(request, server) {
      const place = findPlace(request.url, book);
      return place === undefined ? null : answer({ ...deps, open }, { request, server }, place);
    },
    websocket: webSocketHandlers,
    recheck: () => open.recheck(),
    openConnections: () => open.counts(),
    [Symbol.dispose]: () => open[Symbol.dispose](),
  };
}

function addressBookOf({ directory, domain }: GatewayDeps): AddressBook {
  return { directory, baseHosts: domain === undefined ? undefined : new Set(["localhost", domain]) };
}

interface Rooms extends GatewayDeps {
  readonly open: OpenConnections;
}

interface Arrival {
  readonly request: Request;
  readonly server: Server<GatewaySocketData>;
}

async function answer(rooms: Rooms, arrival: Arrival, place: Place): Promise<Response | undefined> {
  const startedAtMs = performance.now();
  const { request } = arrival;
  let route: Route | undefined;
  let response: Response | undefined;
  try {
    refuseUnforwardable(request);
    route = findRoute(rooms.directory, place);
    const { port } = destinationOf(route, route.path);
    const preflight = answerPreflight(request, port, route.preview?.responseHeaders ?? {});
    response = preflight ?? (await admit(rooms, arrival, route));
  } catch (thrown) {
    response = explain(rooms, arrival, { place, route, thrown });
  }
  rooms.meter?.noteAnswer(place.kind, response?.status ?? SWITCHED_PROTOCOLS, performance.now() - startedAtMs);
  return response;
}

interface Failure {
  readonly place: Place;
  readonly route: Route | undefined;
  readonly thrown: unknown;
}

function explain(rooms: Rooms, { request, server }: Arrival, { place, route, thrown }: Failure): Response {
  const { errorPages, meter } = rooms;
  const error = toAppError(thrown);
  meter?.noteFailure(error.code);
  const accept = request.headers.get("accept");
  const [requestPath = ""] = pathOf(request.url).split("?", 1);
  const responseHeaders = route?.preview?.responseHeaders;
  const docsUrl = docsUrlOf(place, rooms.readEdge(connectionOf(request, server), request.headers));
  return errorResponse(error, { accept, responseHeaders, requestPath, pages: errorPages, docsUrl });
}

/** Under a user's own domain there is only what the user shows. */
function docsUrlOf({ kind, mount }: Place, { protocol, host }: Edge): string | undefined {
  if (kind === "domain") return undefined;
  const baseHost = mount === "" ? host.split(".").slice(HOST_LABEL_COUNT).join(".") : host;
  return `${protocol}://${baseHost}/v0/docs`;
}

function admit(rooms: Rooms, arrival: Arrival, route: Route): Response | Promise<Response | undefined> {
  const { request } = arrival;
  const grant = authorize(rooms.directory, request.headers, route);
  const edge = rooms.readEdge(connectionOf(request, arrival.server), request.headers);
  const cookies = cookiesFor(route, grant, edge);
  const hostBase = { baseUrl: `${edge.protocol}://${edge.host}`, domain: rooms.domain };
  const hostLabel = hostLabelFor(rooms.directory, route, grant);
  return (
    redirectNavigation({ request, route, hostLabel, grant, hostBase, cookies }) ??
    pass(rooms, arrival, { route, grant, edge, cookies })
  );
}

/** Looked up for those pages alone that may have to go there. */
function hostLabelFor(directory: GatewayDirectory, { preview, workspace, name }: Route, { visit }: Grant) {
  const isTerminal = preview === undefined && visit !== undefined;
  return isTerminal ? directory.findSandbox(workspace, name)?.hostLabel : undefined;
}

/** A page that shares its host has an origin that is nobody's, and gets no cookie: a sandbox's. */
function cookiesFor({ preview, mount }: Route, { visit }: Grant, edge: Edge): string[] {
  if (visit === undefined) return [];
  if (preview !== undefined) return previewCookies(visit, { mount, ...edge });
  return mount === "" ? [terminalCookie(visit, edge.protocol)] : [];
}

interface Admission {
  readonly route: Route;
  readonly grant: Grant;
  readonly edge: Edge;
  readonly cookies: readonly string[];
}

function pass(rooms: Rooms, { request, server }: Arrival, admission: Admission): Promise<Response | undefined> {
  const { route, grant, cookies } = admission;
  const { sandboxId, name: sandboxName } = sandboxOf(rooms.directory, route);
  const destination = destinationOf(route, grant.path);
  const target = {
    request,
    sandboxName,
    ...destination,
    headers: upstreamHeaders(request.headers, rulesOf(admission, destination.port)),
    downstream: { replaced: route.preview?.responseHeaders, cookies, isOriginShared: route.mount !== "" },
  };
  // Neither a wake nor a silent stream may run into the connection's idle time.
  server.timeout(request, 0);
  const acquired = rooms.life.acquire(sandboxId);
  const start = async (lease: Lease): Promise<Response | undefined> => {
    const job: ForwardJob = { ...target, lease };
    const passed = await (isWebSocketUpgrade(request) ? joinWebSockets(job, server) : forward(job));
    // What is still open now may outlive the right to it.
    if (lease.isOpen) {
      lease.use = passed === undefined ? webSocketUse(destination) : "stream";
      rooms.open.hold(lease, grant.credential, passed === undefined ? "websocket" : "stream");
    }
    return passed;
  };
  // An awake sandbox is the usual case and costs no turn of the event loop.
  return acquired instanceof Lease ? start(acquired) : withinWakeTime(rooms, acquired, sandboxName).then(start);
}

function webSocketUse({ port, path }: { port: number; path: string }): LeaseUse {
  return port === AGENT_PORT && path.startsWith("/terminal/") ? "terminal" : "webSocket";
}

function rulesOf({ route, grant, edge }: Admission, port: number): UpstreamHeaderRules {
  const { preview, fallback } = route;
  return {
    edge,
    isAuthorizationOurs: grant.isAuthorizationOurs,
    appHost: preview?.hostHeader === "localhost" ? `localhost:${port}` : undefined,
    platform: fallback && {
      "x-blaxel-fallback": "true",
      "x-blaxel-fallback-preview": fallback.prefix,
      "x-blaxel-fallback-domain": fallback.domain,
    },
    injected: preview?.requestHeaders,
  };
}

/** @throws {AppError} SANDBOX_WAKE_TIMEOUT; the wake goes on. */
function withinWakeTime({ wakeTimeoutMs }: Rooms, acquired: Promise<Lease>, sandboxName: string): Promise<Lease> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new AppError("SANDBOX_WAKE_TIMEOUT", `Cannot reach sandbox "${sandboxName}": it has not woken in time`, {
          hint: "Send the request again in a moment: the sandbox goes on waking.",
        }),
      );
      void acquired.then((lease) => lease.release()).catch(() => undefined);
    }, wakeTimeoutMs ?? WAKE_TIMEOUT_MS);
    acquired.then(resolve, reject).finally(() => clearTimeout(timer));
  });
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
