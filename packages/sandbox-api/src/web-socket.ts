import { AppError } from "@dormouse/kernel";

/** One WebSocket as its feature sees it. Methods are called in order, `closed` exactly once and last. */
export interface SocketSession {
  opened(socket: Socket): void;
  received(message: string | Buffer): void;
  /** What `send` had to hold back is on its way. */
  drained?(): void;
  closed(code: number): void;
}

/** What a session may do with its connection; its `data` is the session itself. */
export type Socket = Bun.ServerWebSocket<SocketSession>;

/** Longest message a client may send; a terminal paste or a file written through MCP fits. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** How the server hands each WebSocket to its session. No lifetime cap: an idle socket stays open. */
export const WEB_SOCKET_HANDLER: Bun.WebSocketHandler<SocketSession> = {
  idleTimeout: 0,
  sendPings: false,
  maxPayloadLength: MAX_MESSAGE_BYTES,
  open: (socket) => socket.data.opened(socket),
  message: (socket, message) => socket.data.received(message),
  drain: (socket) => socket.data.drained?.(),
  close: (socket, code) => socket.data.closed(code),
};

export const asksForWebSocket = (request: Request): boolean =>
  request.headers.get("upgrade")?.toLowerCase() === "websocket";

/** Makes the connection of `request` a WebSocket. @throws {AppError} INVALID_ARGUMENT when the client did not ask for one. */
export function upgradeTo(
  session: SocketSession,
  { request, server }: { request: Request; server: Bun.Server<SocketSession> },
  headers: Readonly<Record<string, string>> = {},
): undefined {
  if (asksForWebSocket(request) && server.upgrade(request, { data: session, headers })) return undefined;
  throw new AppError("INVALID_ARGUMENT", "this path is a WebSocket: connect with ws:// or wss://");
}
