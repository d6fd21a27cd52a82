import http from "node:http";
import type { Duplex } from "node:stream";
import { Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";

export interface NodeRequestOptions {
  readonly address: string;
  readonly port: number;
  readonly method: string;
  /** Sent byte for byte. */
  readonly path: string;
  readonly headers: Headers;
  /** Not touched before somebody has taken the connection. */
  readonly body: ReadableStream<Uint8Array> | null;
  readonly signal: AbortSignal;
}

/** An upstream that switched protocols: its socket, paused, and the bytes it sent right after its head. */
export interface UpgradedUpstream {
  readonly socket: Duplex;
  readonly firstBytes: Buffer;
  readonly headers: Headers;
}

/**
 * Sends a request through `node:http` on a fresh connection: slower than `fetch`, and used for what `fetch` cannot do, which
 * is to ask for an upgrade and to keep a path that starts with "//".
 */
export function sendWithNode(options: NodeRequestOptions): Promise<Response | UpgradedUpstream> {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({
      host: options.address,
      port: options.port,
      method: options.method,
      path: options.path,
      headers: Object.fromEntries(options.headers),
      agent: false,
      signal: options.signal,
    });
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => resolve(toResponse(incoming, options.method)));
    outgoing.on("upgrade", (incoming, socket, firstBytes) => {
      socket.pause();
      resolve({ socket, firstBytes, headers: toHeaders(incoming.rawHeaders) });
    });
    const { body } = options;
    if (body === null) outgoing.end();
    else {
      const send = (): void =>
        void Readable.fromWeb(body as NodeReadableStream)
          .on("error", reject)
          .pipe(outgoing);
      outgoing.once("socket", (socket) => socket.once("connect", send));
    }
  });
}

function toResponse(incoming: http.IncomingMessage, method: string): Response {
  const status = incoming.statusCode ?? 502;
  const headers = toHeaders(incoming.rawHeaders);
  const isBodyless = method === "HEAD" || status === 204 || status === 205 || status === 304;
  if (isBodyless) incoming.resume();
  const body = isBodyless ? null : (Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>);
  return new Response(body, { status, statusText: incoming.statusMessage ?? "", headers });
}

function toHeaders(rawHeaders: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    headers.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
  return headers;
}
