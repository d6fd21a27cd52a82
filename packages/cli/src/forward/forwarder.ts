import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { AppError } from "@dormouse/kernel";
import type { Client } from "@dormouse/sdk";

/** What is served on which port of the loopback interface. */
export interface Forwarded {
  readonly localPort: number;
  /** Base of what requests go to: the API of a sandbox, or one of its ports. */
  readonly baseUrl: string;
}

/** Headers between two neighbours, which end here. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer"] as const;

/**
 * Serves something of a sandbox on 127.0.0.1, HTTP and WebSocket, with the caller's credential added: whoever may connect to this
 * machine's loopback needs none. The app's own `Authorization` passes.
 * @throws {AppError} INVALID_ARGUMENT when the port is taken
 */
export async function startForwarder(client: Client, { localPort, baseUrl }: Forwarded): Promise<Forwarder> {
  const send = async (request: IncomingMessage, extra: OutgoingHttpHeaders = {}) => {
    const url = new URL(baseUrl + (request.url ?? "/"));
    const call = url.protocol === "https:" ? httpsRequest : httpRequest;
    const headers = { ...(await headersOf(client, request)), ...extra };
    return call(url, { method: request.method ?? "GET", headers });
  };
  const server = createServer((request, response) => {
    forwardRequest(request, response, send).catch((error: Error) => refuse(response, 502, error.message));
  });
  server.on("upgrade", (request, socket, head) => {
    forwardUpgrade({ request, socket, head }, send).catch(() => socket.destroy());
  });
  await listen(server, localPort);
  return new Forwarder(server);
}

export class Forwarder implements AsyncDisposable {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }
}

type Send = (request: IncomingMessage, extra?: OutgoingHttpHeaders) => Promise<ReturnType<typeof httpRequest>>;

async function forwardRequest(request: IncomingMessage, response: ServerResponse, send: Send): Promise<void> {
  if (!isFromHere(request)) return refuse(response, 403, "the request comes from a page or host elsewhere");
  const upstream = await send(request);
  upstream.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, withoutHopByHop(answer.headers));
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  upstream.on("error", (error) => refuse(response, 502, error.message));
  response.on("close", () => upstream.destroy());
  request.pipe(upstream);
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  if (!response.headersSent) response.writeHead(status, { "Content-Type": "text/plain" });
  response.end(`Cannot reach the sandbox: ${reason}\n`);
}

/** Pages of other sites, also under names that lead to this machine, must not use a credential they do not have. */
function isFromHere({ headers: { host = "", origin } }: IncomingMessage): boolean {
  return isLocal(`http://${host}`) && (origin === undefined || isLocal(origin));
}

function isLocal(url: string): boolean {
  const { hostname } = URL.parse(url) ?? { hostname: "" };
  return hostname === "localhost" || hostname.endsWith(".localhost") || /^127\.|^\[::1\]$/.test(hostname);
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came after the request's head. */
  readonly head: Buffer;
}

async function forwardUpgrade({ request, socket, head }: Upgrade, send: Send): Promise<void> {
  if (!isFromHere(request)) return void socket.destroy();
  const upstream = await send(request, { connection: "Upgrade", upgrade: request.headers.upgrade ?? "websocket" });
  upstream.on("upgrade", (answer, upstreamSocket, upstreamHead) => {
    socket.write(headOf(answer));
    socket.write(upstreamHead);
    upstreamSocket.write(head);
    splice(socket, upstreamSocket);
  });
  upstream.on("response", (answer) => {
    socket.write(headOf(answer));
    answer.pipe(socket);
  });
  upstream.on("error", () => socket.destroy());
  socket.on("error", () => upstream.destroy());
  upstream.end();
}

/** Joins two sockets for life. */
function splice(one: Duplex, other: Duplex): void {
  one.on("error", () => other.destroy()).on("close", () => other.destroy());
  other.on("error", () => one.destroy()).on("close", () => one.destroy());
  one.pipe(other).pipe(one);
}

/** Status line and headers as they came; an answer that refuses an upgrade ends with its connection. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let index = 0; index < rawHeaders.length; index += 2)
    lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

async function headersOf({ credential, workspace }: Client, request: IncomingMessage): Promise<OutgoingHttpHeaders> {
  const { host: _host, ...headers } = withoutHopByHop(request.headers);
  const bearer = await credential?.bearer();
  return {
    ...headers,
    "X-Blaxel-Workspace": workspace,
    ...(bearer !== undefined && { "X-Blaxel-Authorization": `Bearer ${bearer}` }),
  };
}

const withoutHopByHop = (headers: IncomingMessage["headers"]): OutgoingHttpHeaders =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name as (typeof HOP_BY_HOP)[number])),
  );

async function listen(server: Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (cause: NodeJS.ErrnoException) => {
    const isTaken = cause.code === "EADDRINUSE";
    const state = isTaken ? "another program listens there" : cause.message;
    const hint = "Choose another local port, such as 18080:8080";
    reject(new AppError("INVALID_ARGUMENT", `Cannot listen on 127.0.0.1:${port}: ${state}`, { hint, cause }));
  });
  server.listen(port, "127.0.0.1", resolve);
  await promise;
}
