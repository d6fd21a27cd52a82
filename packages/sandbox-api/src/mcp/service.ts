import { empty, json } from "../http.ts";
import type { SocketSession } from "../web-socket.ts";
import {
  failure,
  HTTP_ERROR,
  MAX_MESSAGE_BYTES,
  type Message,
  METHOD_NOT_FOUND,
  readMessage,
  type Reply,
} from "./message.ts";
import { headerError, isStateless, metaError } from "./revisions.ts";
import type { McpOptions } from "./routes.ts";
import { McpServer, type ServerOptions } from "./server.ts";
import { McpSocket } from "./socket.ts";
import { createToolTable } from "./tool-table.ts";

/** The service with all tools of a sandbox. */
export function createService({ onUnexpectedError, ...deps }: McpOptions): McpService {
  return new McpService({ tools: createToolTable(deps), onUnexpectedError });
}

/** The MCP server behind its two transports. */
export class McpService {
  readonly #createServer: () => McpServer;

  constructor(options: ServerOptions) {
    this.#createServer = () => new McpServer(options);
  }

  /** `POST /mcp`: one message, answered with one JSON object. Each request stands alone, whatever came before it. */
  async answer(request: Request): Promise<Response> {
    if (!/^application\/json\s*(;|$)/i.test(request.headers.get("content-type") ?? "")) {
      return json(failure(HTTP_ERROR, "Content-Type must be application/json"), 415);
    }
    const text = await readText(request);
    if (text === null) return json(failure(HTTP_ERROR, `A message is at most ${MAX_MESSAGE_BYTES} bytes`), 413);
    const { message, refusal } = readMessage(text);
    if (message === null) return json(refusal, 400);
    const error = metaError(message) ?? headerError(message, request.headers);
    if (error !== null) return json({ jsonrpc: "2.0", id: message.id, error }, 400);
    const server = this.#createServer();
    request.signal.addEventListener("abort", () => server.close(), { once: true });
    const reply = await server.receive(message);
    return reply === null ? empty(202) : json(reply, statusOf(message, reply));
  }

  /** A session for one WebSocket. */
  openSession(): SocketSession {
    return new McpSocket(this.#createServer());
  }
}

/** Only the revision without a handshake wants to see an error in the status. */
function statusOf(message: Message, reply: Reply): 200 | 404 {
  return "error" in reply && reply.error.code === METHOD_NOT_FOUND && isStateless(message) ? 404 : 200;
}

/** The body of a request; null as soon as it is too long. */
async function readText(request: Request): Promise<string | null> {
  if (Number(request.headers.get("content-length")) > MAX_MESSAGE_BYTES) return null;
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.body ?? []) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MAX_MESSAGE_BYTES) return null;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
