import type { Directory } from "@dormouse/control-plane";
import { SERVE_OPTIONS } from "@dormouse/gateway";
import { AppError, toAppError } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import { EXPOSITION_TYPE } from "./exposition.ts";

export type RenderMetrics = () => Promise<string>;

export const METRICS_PATH = "/metrics";

export interface MetricsAccess {
  readonly credentials: Pick<Directory["credentials"], "authenticate" | "roleIn">;
  /** Its administrators run the machine: others must not see what everybody together does. */
  readonly workspace: WorkspaceName;
}

/** `/metrics` on the port the world reaches. */
export async function answerWithKey(request: Request, access: MetricsAccess, render: RenderMetrics): Promise<Response> {
  try {
    assertAdministrator(request, access);
    return await answerWith(render);
  } catch (thrown) {
    const { code, status, message, hint } = toAppError(thrown);
    const body = { code: status, error: code, message: hint === undefined ? message : `${message}. ${hint}` };
    return Response.json(body, { status, headers: status === 401 ? { "WWW-Authenticate": "Bearer" } : {} });
  }
}

/** A port of 127.0.0.1 that serves `/metrics` without a key, and nothing else. @throws Error when it cannot be had */
export function openMetricsPort(port: number, render: RenderMetrics): AsyncDisposable {
  try {
    const fetch = (request: Request) => answerOnLoopback(request, render);
    const server = Bun.serve({ ...SERVE_OPTIONS, hostname: "127.0.0.1", port, fetch });
    return { [Symbol.asyncDispose]: () => server.stop(true) };
  } catch (cause) {
    throw new Error(`Cannot serve metrics on port ${port} of 127.0.0.1: choose another DORMOUSE_METRICS_PORT`, {
      cause,
    });
  }
}

function answerOnLoopback(request: Request, render: RenderMetrics): Response | Promise<Response> {
  const { hostname, pathname } = new URL(request.url);
  // A page in a browser of this machine must not read them through a name of its own that leads here.
  if (!LOOPBACK_NAMES.has(hostname)) return new Response("Not a name of this machine\n", { status: 403 });
  if (pathname !== METRICS_PATH) return new Response(`Only ${METRICS_PATH} is here\n`, { status: 404 });
  return answerWith(render);
}

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(["localhost", "127.0.0.1"]);

async function answerWith(render: RenderMetrics): Promise<Response> {
  const headers = { "Content-Type": EXPOSITION_TYPE, "Cache-Control": "no-store" };
  return new Response(await render(), { headers });
}

/** @throws {AppError} UNAUTHENTICATED, FORBIDDEN */
function assertAdministrator({ headers }: Request, { credentials, workspace }: MetricsAccess): void {
  const key = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  const principal = key === undefined ? undefined : credentials.authenticate(key);
  if (principal === undefined) {
    throw new AppError("UNAUTHENTICATED", "Cannot show the metrics: the request carries no valid API key", {
      hint: 'Send "Authorization: Bearer <key>" with a key of an administrator of the machine, or set DORMOUSE_METRICS_PORT',
    });
  }
  if (credentials.roleIn(principal, workspace) === "admin") return;
  throw new AppError("FORBIDDEN", "Cannot show the metrics: they are for administrators of the first workspace", {
    hint: "Ask an administrator of the machine",
  });
}
