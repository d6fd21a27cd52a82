import { createHash, randomBytes } from "node:crypto";
import { AppError } from "@dormouse/kernel";
import type { Server, WebSocketHandler } from "bun";
import { deliver, type ForwardJob } from "./forward.ts";
import { cleanDownstreamHeaders } from "./headers.ts";
import { findPort, isPortGone, relayPortOf } from "./loopback-relays.ts";
import { sendWithNode, type UpgradedUpstream } from "./node-request.ts";
import { unreachableError } from "./unreachable.ts";
import { MAX_MESSAGE_BYTES, WebSocketRelay, type GatewaySocketData } from "./websocket-relay.ts";

export type { GatewaySocketData } from "./websocket-relay.ts";

/** The `websocket` of `Bun.serve` for sockets that `joinWebSockets` upgraded. */
export const webSocketHandlers = {
  maxPayloadLength: MAX_MESSAGE_BYTES,
  // Never drops: the relay pauses the app's socket at the first queued message.
  backpressureLimit: 0,
  // The longest Bun has: 16 minutes without any frame. Its own pings keep a living client from ever reaching it.
  idleTimeout: 960,
  sendPings: true,
  perMessageDeflate: false,
  open: (client) => client.data.relay.open(client),
  message: (client, message) => client.data.relay.sendUpstream(message),
  pong: (client, data) => client.data.relay.pongUpstream(data),
  drain: (client) => client.data.relay.onClientDrained(),
  close: (client, code, reason) => client.data.relay.onClientClosed(code, reason),
} satisfies WebSocketHandler<GatewaySocketData>;

export function isWebSocketUpgrade(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket" && request.method === "GET";
}

/**
 * Asks the app first and upgrades the client only with its consent, so that a refusal reaches the client as the HTTP answer
 * it is. Takes over the lease, which lasts as long as the sockets. Undefined once the client is upgraded.
 */
export async function joinWebSockets(
  job: ForwardJob,
  server: Server<GatewaySocketData>,
): Promise<Response | undefined> {
  const controller = abortedByClientOrDeletion(job);
  try {
    const answer = await askUpstream(job, controller.signal);
    if (!(answer instanceof Response)) return upgradeClient(job, server, answer);
    cleanDownstreamHeaders(answer.headers, job.downstream);
    return await deliver(answer, job);
  } catch (cause) {
    job.lease.release();
    controller.abort();
    throw unreachableError(job, cause);
  }
}

/** A signal that fires when the client leaves or the sandbox is deleted. */
function abortedByClientOrDeletion({ request, lease }: ForwardJob): AbortController {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  lease.onAbort = abort;
  if (request.signal.aborted) abort();
  else request.signal.addEventListener("abort", abort, { once: true });
  return controller;
}

async function askUpstream(job: ForwardJob, signal: AbortSignal): Promise<Response | UpgradedUpstream> {
  const key = randomBytes(16).toString("base64");
  const headers = new Headers(job.headers);
  // Compression is between the client and us; upstream frames are read as they are.
  headers.delete("sec-websocket-extensions");
  headers.set("connection", "Upgrade");
  headers.set("upgrade", "websocket");
  headers.set("sec-websocket-key", key);
  headers.set("sec-websocket-version", "13");
  const { lease, path } = job;
  const ask = (port: number): Promise<Response | UpgradedUpstream> =>
    sendWithNode({ address: lease.address, port, method: "GET", path, headers, body: null, signal });
  const port = relayPortOf(job) ?? job.port;
  const answer = await ask(port).catch(async (error: unknown) => {
    if (!isPortGone(job, port, error)) throw error;
    return ask(await findPort(job, error));
  });
  if (answer instanceof Response || answer.headers.get("sec-websocket-accept") === acceptKeyOf(key)) return answer;
  answer.socket.destroy();
  throw new AppError(
    "UPSTREAM_UNREACHABLE",
    `Cannot open a WebSocket on port ${job.port} in sandbox "${job.sandboxName}": its handshake is wrong`,
  );
}

function upgradeClient(
  job: ForwardJob,
  server: Server<GatewaySocketData>,
  upstream: UpgradedUpstream,
): Response | undefined {
  const { socket, firstBytes, headers } = upstream;
  const relay = new WebSocketRelay({ socket, firstBytes, onEnd: () => job.lease.release() });
  job.lease.onAbort = () => relay.abort();
  cleanDownstreamHeaders(headers, job.downstream);
  headers.delete("sec-websocket-accept");
  headers.delete("sec-websocket-extensions");
  if (!job.request.signal.aborted && server.upgrade(job.request, { data: { relay }, headers })) return undefined;
  relay.abort();
  if (job.request.signal.aborted) return undefined;
  return new Response("Cannot open the WebSocket: the handshake is not valid", { status: 400 });
}

function acceptKeyOf(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}
