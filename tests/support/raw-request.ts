import { connect, type Socket } from "node:net";
import type { Api } from "./api.ts";

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  /** Without the framing of chunks. */
  readonly body: string;
}

/** An open request whose bytes went out as they were given, and whose answer is read as it comes. */
export interface RawRequest extends Disposable {
  readonly socket: Socket;
  /** Resolves once what came so far satisfies `isEnough`; rejects when the connection ends before. */
  until(isEnough: (received: string) => boolean): Promise<string>;
  /** The whole answer, once the other side has closed. */
  answer(): Promise<RawAnswer>;
}

/** Sends a request to a sandbox whose target after the sandbox's own path is exactly `target`, as no HTTP client would. */
export function rawRequest(api: Api, sandbox: string, target: string, init: RawInit = {}): RawRequest {
  const { hostname, port, pathname, host } = new URL(api.sandboxUrl(sandbox));
  const { method = "GET", headers = {}, body = "" } = init;
  const socket = connect(Number(port), hostname);
  const lines = Object.entries({
    Host: host,
    Authorization: `Bearer ${api.key}`,
    Connection: "close",
    ...(body === "" ? {} : { "Content-Length": String(Buffer.byteLength(body)) }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${pathname}${target} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
  return readingFrom(socket);
}

export interface RawInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function readingFrom(socket: Socket): RawRequest {
  let received = "";
  let hasEnded = false;
  const changes = new EventTarget();
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    received += chunk;
    changes.dispatchEvent(new Event("change"));
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    hasEnded = true;
    changes.dispatchEvent(new Event("change"));
  });
  const until = async (isEnough: (received: string) => boolean): Promise<string> => {
    while (!isEnough(received)) {
      if (hasEnded) throw new Error(`the connection ended after ${JSON.stringify(received.slice(-500))}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      changes.addEventListener("change", () => resolve(), { once: true });
      await promise;
    }
    return received;
  };
  return {
    socket,
    until,
    async answer() {
      await until(() => hasEnded);
      const bodyAt = received.indexOf("\r\n\r\n") + 4;
      const head = received.slice(0, bodyAt);
      const isChunked = /^transfer-encoding: chunked/im.test(head);
      const body = isChunked ? withoutChunks(received.slice(bodyAt)) : received.slice(bodyAt);
      return { status: Number(head.split(" ")[1]), head, body: Buffer.from(body, "latin1").toString() };
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

function withoutChunks(chunked: string): string {
  let rest = chunked;
  let body = "";
  for (;;) {
    const sizeEnd = rest.indexOf("\r\n");
    const sizeBytes = Number.parseInt(rest.slice(0, sizeEnd), 16);
    if (!(sizeBytes > 0)) return body;
    body += rest.slice(sizeEnd + 2, sizeEnd + 2 + sizeBytes);
    rest = rest.slice(sizeEnd + 2 + sizeBytes + 2);
  }
}
