import type http from "node:http";
import { expect, test } from "bun:test";
import { GatewayBench } from "./testkit/gateway-bench.ts";
import { startRelayAgent } from "./testkit/relay-agent.ts";

const PORT = 3000;
const RELAY_PORT = 61_000;
const OTHER_RELAY_PORT = 61_001;

/** Answers with its name, the method and the body's size and hash. */
const describing =
  (name: string): http.RequestListener =>
  async (request, response) => {
    const hash = new Bun.CryptoHasher("sha256");
    let sizeBytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      hash.update(chunk);
    }
    response.end(`${name} ${request.method} ${request.url} ${sizeBytes} ${hash.digest("hex")}`);
  };

const described = (name: string, method: string, url: string, body = ""): string =>
  `${name} ${method} ${url} ${Buffer.byteLength(body)} ${new Bun.CryptoHasher("sha256").update(body).digest("hex")}`;

async function send(bench: GatewayBench, init: RequestInit = {}, path = "/"): Promise<string> {
  const answer = await fetch(`${bench.url}/preview/open${path}`, init);
  if (answer.status === 200) return answer.text();
  const { error } = (await answer.json()) as { error: { reason: string } };
  return `${answer.status} ${error.reason}`;
}

const closeApp = (server: http.Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

const LARGE = "0123456789abcdef".repeat(1024 * 1024);

/** `LARGE` as chunks without a declared length. */
const largeStream = (): ReadableStream<Uint8Array> => new Blob([LARGE]).stream();

test("R-39: an app on loopback is reached through its relay; the agent is asked with the first request only", async () => {
  await using bench = new GatewayBench();
  const agent = await startRelayAgent(bench, { [PORT]: RELAY_PORT });
  await bench.listenHttp(RELAY_PORT, describing("app"));
  for (let times = 0; times < 3; times += 1) expect(await send(bench)).toBe(described("app", "GET", "/"));
  expect(agent.asked).toEqual([PORT]);
});

test("an app that others reach never makes the gateway ask", async () => {
  await using bench = new GatewayBench();
  const agent = await startRelayAgent(bench);
  await bench.listenHttp(PORT, describing("app"));
  for (const init of [{}, { method: "POST", body: "b" }]) expect(await send(bench, init)).toStartWith("app ");
  expect(agent.asked).toEqual([]);
});

test.each(["/", "//exact"])(
  "the body of a first request to %s arrives whole, short, long or streamed",
  async (path) => {
    for (const body of ["short", LARGE, largeStream()]) {
      await using bench = new GatewayBench();
      await startRelayAgent(bench, { [PORT]: RELAY_PORT });
      await bench.listenHttp(RELAY_PORT, describing("app"));
      const text = typeof body === "string" ? body : LARGE;
      expect(await send(bench, { method: "POST", body }, path)).toBe(described("app", "POST", path, text));
    }
  },
);

test("an upload that goes on while the port is refused loses nothing", async () => {
  await using bench = new GatewayBench();
  await startRelayAgent(bench, { [PORT]: RELAY_PORT });
  await bench.listenHttp(RELAY_PORT, describing("app"));
  let count = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      controller.enqueue(Buffer.alloc(1000, count));
      count += 1;
      if (count === 50) controller.close();
      else await Bun.sleep(1);
    },
  });
  const expected = Buffer.concat(Array.from({ length: 50 }, (_, index) => Buffer.alloc(1000, index)));
  const hash = new Bun.CryptoHasher("sha256").update(expected).digest("hex");
  expect(await send(bench, { method: "PUT", body })).toBe(`app PUT / 50000 ${hash}`);
});

test("a relay that is gone is asked for anew, whether the app moved to another one or outside", async () => {
  for (const method of ["GET", "POST"]) {
    await using bench = new GatewayBench();
    const agent = await startRelayAgent(bench, { [PORT]: RELAY_PORT });
    const first = await bench.listenHttp(RELAY_PORT, describing("first"));
    expect(await send(bench)).toStartWith("first ");
    await closeApp(first);
    agent.relays.set(PORT, OTHER_RELAY_PORT);
    const second = await bench.listenHttp(OTHER_RELAY_PORT, describing("second"));
    expect(await send(bench, { method })).toStartWith(`second ${method} `);
    await closeApp(second);
    agent.relays.set(PORT, PORT);
    await bench.listenHttp(PORT, describing("outside"));
    expect(await send(bench, { method })).toStartWith(`outside ${method} `);
    agent.relays.clear();
    expect(await send(bench, { method })).toStartWith(`outside ${method} `);
  }
});

test("a relay whose app has ended resets: a GET finds where the app is now, and 502 when it is nowhere", async () => {
  await using bench = new GatewayBench();
  const agent = await startRelayAgent(bench, { [PORT]: RELAY_PORT });
  let isAlive = true;
  await bench.listen(RELAY_PORT, (socket) => {
    if (!isAlive) socket.resetAndDestroy();
    else socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nold"));
  });
  expect(await send(bench)).toBe("old");
  isAlive = false;
  agent.relays.clear();
  const answer = await fetch(`${bench.url}/preview/open/`);
  expect(answer.status).toBe(502);
  expect(await answer.text()).toContain("nothing listens on port 3000");
  agent.relays.set(PORT, PORT);
  await bench.listenHttp(PORT, describing("outside"));
  expect(await send(bench)).toStartWith("outside ");
});

test("a request that must not be sent twice is sent once when a relay resets it, and told why", async () => {
  await using bench = new GatewayBench();
  const agent = await startRelayAgent(bench, { [PORT]: RELAY_PORT });
  let connectionCount = 0;
  await bench.listen(RELAY_PORT, (socket) => {
    connectionCount += 1;
    socket.once("data", () => socket.resetAndDestroy());
  });
  const post = async (): Promise<string> =>
    (await fetch(`${bench.url}/preview/open/`, { method: "POST", body: "once" })).text();
  expect(await post()).toContain("the connection was closed");
  expect(connectionCount).toBe(1);
  agent.relays.clear();
  expect(await post()).toContain("nothing listens on port 3000");
  expect(connectionCount).toBe(2);
});

test("WebSockets go through relays too, also through one that took the place of another", async () => {
  await using bench = new GatewayBench();
  const agent = await startRelayAgent(bench, { [PORT]: RELAY_PORT });
  for (const relayPort of [RELAY_PORT, OTHER_RELAY_PORT]) {
    agent.relays.set(PORT, relayPort);
    const app = Bun.serve({
      hostname: bench.address,
      port: relayPort,
      fetch: (request, server) => (server.upgrade(request) ? undefined : new Response()),
      websocket: { message: (socket, message) => void socket.send(`${relayPort} ${String(message)}`) },
    });
    for (const text of ["hello", "again"]) {
      const socket = new WebSocket(`${bench.url.replace("http", "ws")}/preview/open/`);
      socket.addEventListener("open", () => socket.send(text));
      const answer = await new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)));
      expect(answer).toBe(`${relayPort} ${text}`);
      socket.close();
    }
    await app.stop(true);
  }
  expect(agent.asked).toEqual([PORT, PORT]);
});

test("what is known of a sandbox ends with it", async () => {
  await using bench = new GatewayBench();
  const agent = await startRelayAgent(bench, { [PORT]: RELAY_PORT });
  await bench.listenHttp(RELAY_PORT, describing("app"));
  expect(await send(bench)).toStartWith("app ");
  bench.life.forget(bench.sandbox.sandboxId);
  bench.life.track({ id: bench.sandbox.sandboxId, address: bench.address, state: "running" });
  await bench.listenHttp(PORT, describing("next"));
  expect(await send(bench)).toStartWith("next ");
  expect(agent.asked).toEqual([PORT]);
});

test("a sandbox whose agent is gone too is 503, and the next request has it looked after", async () => {
  await using bench = new GatewayBench();
  expect(await send(bench)).toBe("503 SANDBOX_UNAVAILABLE");
  expect(bench.engine.calls).toEqual([]);
  await send(bench);
  expect(bench.engine.calls).toEqual(["wake", "woken"]);
});

test.each([
  ["a redirect", 307, { location: "/elsewhere" }, ""],
  ["the agent's own port", 200, {}, '{"port":8080}'],
  ["no port", 200, {}, '{"port":70000}'],
  ["no JSON", 200, {}, "61000"],
  ["a long text", 200, {}, `{"port":61000}${" ".repeat(100)}`],
  ["a text without an end", 200, { "transfer-encoding": "chunked" }, '{"port":61000}'],
])("whatever stands in for the agent is not trusted: %s is no relay", async (_name, status, headers, body) => {
  await using bench = new GatewayBench();
  const asked: string[] = [];
  await bench.listenHttp(8080, (request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(status, headers);
    if ("transfer-encoding" in headers) response.write(body);
    else response.end(body);
  });
  await bench.listenHttp(RELAY_PORT, describing("app"));
  expect(await send(bench)).toBe("502 UPSTREAM_UNREACHABLE");
  expect(asked).toEqual([`/network/relays/${PORT}`]);
});
