import { AppError } from "@dormouse/kernel";
import { json } from "../http.ts";
import type { Answer, RequestContext, Route } from "../router.ts";
import { asksForWebSocket, upgradeTo } from "../web-socket.ts";
import { isForeignPage } from "./origin.ts";
import type { ToolDeps } from "./tool-table.ts";

export interface McpOptions extends ToolDeps {
  /** Told of failures nobody expected; the client reads that something went wrong, not what. */
  readonly onUnexpectedError: (error: unknown) => void;
}

/** The MCP server of the sandbox, over Streamable HTTP and over WebSocket. */
export interface Mcp {
  readonly routes: readonly Route[];
  /** Makes the request's connection an MCP connection, one JSON-RPC message a frame. @throws {AppError} INVALID_ARGUMENT, FORBIDDEN */
  readonly connect: (context: RequestContext) => Promise<Answer>;
}

const SUB_PROTOCOL = "mcp";
const NO_STREAM = { error: "SSE streaming not supported. Please use POST for MCP communication." };
const NO_SESSION = { error: "There are no sessions to delete: every request stands alone." };

/** Nothing is loaded before the first request, as many sandboxes never get one. */
export function createMcp(options: McpOptions): Mcp {
  let service: ReturnType<typeof loadService> | undefined;
  const load = () => (service ??= loadService(options));
  const post = async ({ request, server }: RequestContext) => {
    requireTrustedOrigin(request, server);
    return (await load()).answer(request);
  };
  const connect = async ({ request, server }: RequestContext) => {
    requireTrustedOrigin(request, server);
    const session = (await load()).openSession();
    return upgradeTo(session, { request, server }, subProtocolHeaders(request));
  };
  const routes: Route[] = [
    { method: "POST", pattern: "/mcp", handle: post },
    {
      method: "GET",
      pattern: "/mcp",
      handle: (context) => (asksForWebSocket(context.request) ? connect(context) : notAllowed(NO_STREAM)),
    },
    { method: "DELETE", pattern: "/mcp", handle: () => notAllowed(NO_SESSION) },
  ];
  return { routes, connect };
}

async function loadService(options: McpOptions) {
  const { createService } = await import("./service.ts");
  return createService(options);
}

function requireTrustedOrigin(request: Request, server: RequestContext["server"]): void {
  const origin = request.headers.get("origin");
  if (origin === null || !isForeignPage(origin, server.requestIP(request)?.address ?? null)) return;
  throw new AppError("FORBIDDEN", `Cannot serve MCP to pages of "${origin}": they are no part of this sandbox`);
}

function notAllowed(body: object): Response {
  const response = json(body, 405);
  response.headers.set("Allow", "POST");
  return response;
}

function subProtocolHeaders(request: Request): Record<string, string> {
  const offered =
    request.headers
      .get("sec-websocket-protocol")
      ?.split(",")
      .map((name) => name.trim()) ?? [];
  return offered.includes(SUB_PROTOCOL) ? { "Sec-WebSocket-Protocol": SUB_PROTOCOL } : {};
}
