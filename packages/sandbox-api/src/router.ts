import { AppError } from "@dormouse/kernel";
import { empty, text } from "./http.ts";
import type { SocketSession } from "./web-socket.ts";

/** One request as handlers see it: decoded where decoding is safe, raw where the contract depends on the spelling. */
export interface RequestContext {
  readonly request: Request;
  /** Values of `:name` segments, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** What `/*` matched, decoded: always starts with a slash. */
  readonly wildcard: string;
  /** True when the raw path holds an upper-case `%2F` anywhere, which makes the wildcard absolute. */
  readonly hasEncodedSlash: boolean;
  readonly query: URLSearchParams;
  /** The server the request came to: it is what turns the connection into a WebSocket. */
  readonly server: Bun.Server<SocketSession>;
}

/** Undefined once the connection has become a WebSocket. */
export type Answer = Response | undefined;

export type Handler = (context: RequestContext) => Answer | Promise<Answer>;

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Segments, `:name` for one of them, `/*` at the end for any rest that starts with a slash. First match wins. */
  readonly pattern: string;
  readonly handle: Handler;
}

interface CompiledRoute extends Route {
  readonly regex: RegExp;
}

/**
 * Dispatches on the percent-decoded path of the raw request target, as clients encode slashes on purpose. HEAD answers 200
 * wherever GET is known, without running its handler; OPTIONS answers 204 everywhere.
 */
export function createRouter(
  routes: readonly Route[],
  root: Handler,
): (request: Request, server: RequestContext["server"]) => Answer | Promise<Answer> {
  const compiled = routes.map((route): CompiledRoute => ({ ...route, regex: compile(route.pattern) }));
  return (request, server) => {
    if (request.method === "OPTIONS") return empty(204);
    const { rawPath, rawQuery } = splitTarget(request.url);
    const path = decodePath(rawPath);
    const query = new URLSearchParams(rawQuery);
    const context = { request, server, hasEncodedSlash: rawPath.includes("%2F"), query };
    if (path === "/" && request.method !== "HEAD") return root({ ...context, params: {}, wildcard: "" });
    const found = findRoute(compiled, request.method, path);
    if (found === null) return redirectOrNotFound(compiled, request.method, { path, rawQuery });
    if (request.method === "HEAD") return empty(200);
    const { wildcard = "", ...params } = found.match.groups ?? {};
    return found.route.handle({ ...context, params, wildcard });
  };
}

function compile(pattern: string): RegExp {
  const source = pattern.replace(/:(\w+)/g, "(?<$1>[^/]+)").replace(/\/\*$/, "(?<wildcard>/.*)");
  return new RegExp(`^${source}$`, "s");
}

function splitTarget(url: string): { rawPath: string; rawQuery: string } {
  const pathAt = url.indexOf("/", url.indexOf("://") + 3);
  const queryAt = url.indexOf("?", pathAt);
  if (queryAt < 0) return { rawPath: url.slice(pathAt), rawQuery: "" };
  return { rawPath: url.slice(pathAt, queryAt), rawQuery: url.slice(queryAt + 1) };
}

/** A leading run of slashes is one: clients join a base URL that ends in a slash with a path that starts with one. */
function decodePath(rawPath: string): string {
  try {
    return decodeURIComponent(rawPath).replace(/^\/+/, "/");
  } catch {
    throw new AppError("INVALID_ARGUMENT", "invalid percent-encoding in the request path");
  }
}

function findRoute(routes: readonly CompiledRoute[], method: string, path: string) {
  const wanted = method === "HEAD" ? "GET" : method;
  for (const route of routes) {
    const match = route.method === wanted ? route.regex.exec(path) : null;
    if (match !== null) return { route, match };
  }
  return null;
}

function redirectOrNotFound(
  routes: readonly CompiledRoute[],
  method: string,
  { path, rawQuery }: { path: string; rawQuery: string },
): Response {
  const other = path.endsWith("/") ? path.slice(0, -1) : `${path}/`;
  if (findRoute(routes, method, other) === null) return text("404 page not found", 404);
  const location = encodeURI(other) + (rawQuery === "" ? "" : `?${rawQuery}`);
  return empty(method === "GET" ? 301 : 307, { Location: location });
}
