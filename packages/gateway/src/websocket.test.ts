import type net from "node:net";
import { expect, test } from "bun:test";
import { GatewayBench, TOKEN } from "./testkit/gateway-bench.ts";
import { RawClient } from "./testkit/raw-client.ts";
import { startRelayAgent } from "./testkit/relay-agent.ts";

interface UpstreamEvents {
  readonly opened: PromiseWithResolvers<Bun.ServerWebSocket<{ headers: Headers; url: string }>>;
  readonly closed: PromiseWithResolvers<{ code: number; reason: string }>;
  readonly ponged: PromiseWithResolvers<string>;
  readonly messages: (string | Buffer)[];
}

/** A bench whose app on port 3000 is a real WebSocket server that echoes. */
async function benchWithSocketApp(
  options: ConstructorParameters<typeof GatewayBench>[0] = {},
): Promise<UpstreamEvents & { bench: GatewayBench } & AsyncDisposable> {
  const bench = new GatewayBench(options);
  const events: UpstreamEvents = {
    opened: Promise.withResolvers(),
    closed: Promise.withResolvers(),
    ponged: Promise.withResolvers(),
    messages: [],
  };
  const app = Bun.serve<{ headers: Headers; url: string }>({
    hostname: bench.address,
    port: 3000,
    fetch(request, server) {
      if (request.url.includes("/refused"))
        return new Response("not you", { status: 403, headers: { "X-Why": "test" } });
      const offered = request.headers.get("sec-websocket-protocol");
      const headers = offered === null ? undefined : { "Sec-WebSocket-Protocol": offered.split(", ").at(-1) ?? "" };
      const data = { headers: new Headers(request.headers), url: request.url };
      return server.upgrade(request, { data, ...(headers === undefined ? {} : { headers }) })
        ? undefined
        : new Response("no upgrade", { status: 426 });
    },
    websocket: {
      maxPayloadLength: 64 * 1024 * 1024,
      backpressureLimit: 0,
      open: (socket) => events.opened.resolve(socket),
      message(socket, message) {
        events.messages.push(message);
        socket.send(message);
      },
      pong: (_socket, data) => events.ponged.resolve(data.toString()),
      close: (_socket, code, reason) => events.closed.resolve({ code, reason }),
    },
  });
  return {
    bench,
    ...events,
    async [Symbol.asyncDispose]() {
      await app.stop(true);
      await bench[Symbol.asyncDispose]();
    },
  };
}

function connect(bench: GatewayBench, path = "/preview/open/", options: Bun.WebSocketOptions = {}): WebSocket {
  const socket = new WebSocket(bench.url.replace("http", "ws") + path, options);
  socket.binaryType = "arraybuffer";
  return socket;
}

interface SocketEvents {
  open: Event;
  message: MessageEvent;
  close: CloseEvent;
}

function next<K extends keyof SocketEvents>(socket: WebSocket, type: K): Promise<SocketEvents[K]> {
  return new Promise((resolve) =>
    socket.addEventListener(type, (event) => resolve(event as SocketEvents[K]), { once: true }),
  );
}

const HANDSHAKE =
  "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

test("text and binary messages of every frame size come back as they went", async () => {
  await using app = await benchWithSocketApp();
  const socket = connect(app.bench);
  await next(socket, "open");
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 20 * 1024 * 1024]) {
    const bytes = Buffer.alloc(length, "dormouse");
    socket.send(bytes);
    const { data } = await next(socket, "message");
    expect(Buffer.from(data as ArrayBuffer).equals(bytes)).toBe(true);
  }
  for (const text of ["", "hé 🐭", "x".repeat(70_000)]) {
    socket.send(text);
    expect((await next(socket, "message")).data).toBe(text);
  }
  socket.close();
});

test("path, headers and the chosen subprotocol pass; platform credentials do not", async () => {
  await using app = await benchWithSocketApp({ preview: { requestHeaders: { "X-Injected": "1" } } });
  const socket = connect(app.bench, `/preview/closed/ws?a=1&bl_preview_token=${TOKEN}`, {
    protocols: ["one", "two"],
    headers: { Origin: "http://page.test", Cookie: `own=1; dormouse_preview=${TOKEN}` },
  });
  await next(socket, "open");
  expect(socket.protocol).toBe("two");
  const { headers, url } = (await app.opened.promise).data;
  expect(new URL(url).pathname + new URL(url).search).toBe("/ws?a=1");
  expect(headers.get("origin")).toBe("http://page.test");
  expect(headers.get("x-injected")).toBe("1");
  expect(headers.get("cookie")).toBe("own=1");
  socket.close();
});

test("a private preview refuses the upgrade with 401 and does not bother the app", async () => {
  await using app = await benchWithSocketApp();
  using client = new RawClient(app.bench.port);
  client.send(`GET /preview/closed/ HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  expect(await client.until((received) => received.includes("\r\n\r\n"))).toStartWith("HTTP/1.1 401");
});

test("the app's refusal reaches the client with status, headers and body", async () => {
  await using app = await benchWithSocketApp();
  using client = new RawClient(app.bench.port);
  client.send(`GET /preview/open/refused HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  const received = await client.until((text) => text.endsWith("not you"));
  expect(received).toStartWith("HTTP/1.1 403");
  expect(received.toLowerCase()).toContain("x-why: test");
});

test("a WebSocket to a dead port is a 502", async () => {
  await using bench = new GatewayBench();
  await startRelayAgent(bench);
  using client = new RawClient(bench.port);
  client.send(`GET /preview/open/ HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  expect(await client.until((received) => received.includes("\r\n\r\n"))).toStartWith("HTTP/1.1 502");
});

test("the client's close code and reason reach the app", async () => {
  await using app = await benchWithSocketApp();
  const socket = connect(app.bench);
  await next(socket, "open");
  socket.close(4001, "done here");
  expect(await app.closed.promise).toEqual({ code: 4001, reason: "done here" });
});

test("the app's close code and reason reach the client", async () => {
  await using app = await benchWithSocketApp();
  const socket = connect(app.bench);
  const closed = next(socket, "close");
  (await app.opened.promise).close(4002, "go away");
  expect(await closed).toMatchObject({ code: 4002, reason: "go away" });
});

test("a client that vanishes closes the app's socket", async () => {
  await using app = await benchWithSocketApp();
  const socket = connect(app.bench);
  await next(socket, "open");
  socket.terminate();
  expect((await app.closed.promise).code).toBe(1006);
});

test("an app that vanishes closes the client's socket", async () => {
  await using app = await benchWithSocketApp();
  const socket = connect(app.bench);
  const closed = next(socket, "close");
  (await app.opened.promise).terminate();
  expect((await closed).code).toBe(1006);
});

test("the app's ping reaches the client and the client's pong the app", async () => {
  await using app = await benchWithSocketApp();
  const socket = connect(app.bench);
  await next(socket, "open");
  (await app.opened.promise).ping("are you there");
  expect(await app.ponged.promise).toBe("are you there");
  socket.close();
});

test("the client's ping is answered", async () => {
  await using app = await benchWithSocketApp();
  using client = new RawClient(app.bench.port);
  client.send(`GET /preview/open/ HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  await client.until((received) => received.includes("\r\n\r\n"));
  client.send(Buffer.from([0x89, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  expect(await client.until((received) => received.endsWith("hi"))).toContain("\x8a\x02hi");
});

test("a client that leaves before the app's 101 ends the app's connection", async () => {
  await using bench = new GatewayBench();
  for (const leave of ["destroy", "end"] as const) {
    const app = Promise.withResolvers<net.Socket>();
    const server = await bench.listen(3000, (socket) => socket.once("data", () => app.resolve(socket)));
    using client = new RawClient(bench.port);
    client.send(`GET /preview/open/ HTTP/1.1\r\n${HANDSHAKE}\r\n`);
    const socket = await app.promise;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    client[leave]();
    await closed;
    server.close();
  }
});

test("an app that sends right after its 101 loses nothing, whatever the pieces", async () => {
  await using bench = new GatewayBench();
  await bench.listen(3000, (socket) => {
    socket.once("data", (bytes) => {
      const key = /sec-websocket-key: (\S+)/i.exec(bytes.toString())?.[1] ?? "";
      const accept = new Bun.CryptoHasher("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
      // "he" + "llo" in two fragments with a ping between them, then one frame cut in the middle.
      const frames = Buffer.from([0x01, 2, 104, 101, 0x89, 0, 0x80, 3, 108, 108, 111, 0x81, 2, 104]);
      socket.write(Buffer.concat([Buffer.from(head), frames]), () =>
        setTimeout(() => socket.write(Buffer.from([105])), 20),
      );
    });
  });
  const socket = connect(bench);
  const received: unknown[] = [];
  await new Promise<void>((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      if (received.push(data) === 2) resolve();
    });
  });
  expect(received).toEqual(["hello", "hi"]);
  socket.close();
});

test("an app that breaks the protocol closes the client instead of hanging it", async () => {
  for (const [bytes, code] of [
    [[0xc1, 0], 1002],
    [[0x81, 0x80, 0, 0, 0, 0], 1002],
    [[0x82, 127, 0, 1, 0, 0, 0, 0, 0, 0], 1009],
    [[0x80, 0], 1002],
    [[0x88, 2, 0x03, 0xe7], 1002],
    [[0x88, 2, 0x03, 0xed], 1002],
    [[0x88, 1, 0x03], 1002],
  ] as const) {
    await using app = await benchWithSocketApp();
    const server = await app.bench.listen(3001, (socket) => {
      socket.once("data", (request) => {
        const key = /sec-websocket-key: (\S+)/i.exec(request.toString())?.[1] ?? "";
        const accept = new Bun.CryptoHasher("sha1")
          .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest("base64");
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        socket.write(Buffer.from(bytes));
      });
    });
    app.bench.addPreview({ previewId: "broken", isPublic: true, port: 3001 });
    const socket = connect(app.bench, "/preview/broken/");
    expect((await next(socket, "close")).code).toBe(code);
    server.close();
  }
});

test("a client that does not read stalls the app instead of filling memory", async () => {
  await using app = await benchWithSocketApp();
  using client = new RawClient(app.bench.port);
  client.send(`GET /preview/open/ HTTP/1.1\r\n${HANDSHAKE}\r\n`);
  await client.until((received) => received.includes("\r\n\r\n"));
  client.pause();
  const upstream = await app.opened.promise;
  const chunk = Buffer.alloc(1024 * 1024);
  for (let count = 0; count < 100; count += 1) upstream.send(chunk);
  let left = upstream.getBufferedAmount();
  for (;;) {
    await Bun.sleep(100);
    if (upstream.getBufferedAmount() === left) break;
    left = upstream.getBufferedAmount();
  }
  expect(left).toBeGreaterThan(60 * chunk.length);
  client.resume();
  await client.until((received) => received.length > 100 * chunk.length);
  expect(upstream.getBufferedAmount()).toBe(0);
});

test("deleting the sandbox closes its sockets on both sides", async () => {
  await using app = await benchWithSocketApp();
  const socket = connect(app.bench);
  await next(socket, "open");
  const closed = next(socket, "close");
  app.bench.life.forget(app.bench.sandbox.sandboxId);
  expect((await closed).code).toBe(1006);
  expect((await app.closed.promise).code).toBe(1006);
});
