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

/** Routes that are loaded with the first request for one of them, so that they cost nothing at the start. */
export interface Feature {
  /** What the decoded paths of its routes begin with. */
  readonly prefixes: readonly string[];
  load(): Promise<readonly Route[]>;
}

export interface RouterOptions {
  readonly routes: readonly Route[];
  readonly features: readonly Feature[];
  /** Any method but HEAD on `/`. */
  readonly root: Handler;
}

interface CompiledRoute extends Route {
  readonly regex: RegExp;
}

/**
 * Dispatches on the percent-decoded path of the raw request target, as clients encode slashes on purpose. HEAD answers 200
 * wherever GET is known, without running its handler; OPTIONS answers 204 everywhere.
 */
export function createRouter({
  routes,
  features,
  root,
}: RouterOptions): (request: Request, server: RequestContext["server"]) => Answer | Promise<Answer> {
  const table = new RouteTable(routes, features);
  return (request, server) => {
    if (request.method === "OPTIONS") return empty(204);
    const { rawPath, rawQuery } = splitTarget(request.url);
    const path = decodePath(rawPath);
    const query = new URLSearchParams(rawQuery);
    const context = { request, server, hasEncodedSlash: rawPath.includes("%2F"), query };
    if (path === "/" && request.method !== "HEAD") return root({ ...context, params: {}, wildcard: "" });
    const answer = (): Answer | Promise<Answer> => {
      const found = table.find(request.method, path);
      if (found === null) return redirectOrNotFound(table, request.method, { path, rawQuery });
      if (request.method === "HEAD") return empty(200);
      const { wildcard = "", ...params } = found.match.groups ?? {};
      return found.route.handle({ ...context, params, wildcard });
    };
    const loading = table.loadFor(request.method, path);
    return loading === null ? answer() : loading.then(answer);
  };
}

interface Found {
  readonly route: CompiledRoute;
  readonly match: RegExpExecArray;
}

class RouteTable {
  readonly #routes: CompiledRoute[];
  /** Those that are not loaded yet. */
  readonly #features: Set<Feature>;
  readonly #loading = new Map<Feature, Promise<void>>();

  constructor(routes: readonly Route[], features: readonly Feature[]) {
    this.#routes = routes.map(compiled);
    this.#features = new Set(features);
  }

  find(method: string, path: string): Found | null {
    const wanted = method === "HEAD" ? "GET" : method;
    for (const route of this.#routes) {
      const match = route.method === wanted ? route.regex.exec(path) : null;
      if (match !== null) return { route, match };
    }
    return null;
  }

  /** Null when everything that could answer is there. */
  loadFor(method: string, path: string): Promise<void> | null {
    if (this.#features.size === 0 || this.find(method, path) !== null) return null;
    const feature = [...this.#features].find(({ prefixes }) => prefixes.some((prefix) => path.startsWith(prefix)));
    if (feature === undefined) return null;
    const loading = this.#loading.get(feature) ?? this.#load(feature);
    this.#loading.set(feature, loading);
    return loading;
  }

  async #load(feature: Feature): Promise<void> {
    try {
      this.#routes.push(...(await feature.load()).map(compiled));
      this.#features.delete(feature);
    } finally {
      this.#loading.delete(feature);
    }
  }
}

const compiled = (route: Route): CompiledRoute => ({ ...route, regex: compile(route.pattern) });

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

function redirectOrNotFound(
  table: RouteTable,
  method: string,
  { path, rawQuery }: { path: string; rawQuery: string },
): Response {
  const other = path.endsWith("/") ? path.slice(0, -1) : `${path}/`;
  if (table.find(method, other) === null) return text("404 page not found", 404);
  const location = encodeURI(other) + (rawQuery === "" ? "" : `?${rawQuery}`);
  return empty(method === "GET" ? 301 : 307, { Location: location });
}
