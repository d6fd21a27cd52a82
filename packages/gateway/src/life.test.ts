import type net from "node:net";
import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { Lease } from "./lease.ts";
import { API_KEY, GatewayBench } from "./testkit/gateway-bench.ts";
import { exchange, get, RawClient } from "./testkit/raw-client.ts";

const IDLE_MS = 30;

/** A bench that falls asleep fast, with an agent that says at once that nothing keeps it awake, and an app that says "ok". */
async function sleepyBench(): Promise<GatewayBench> {
  const bench = new GatewayBench({ idleMs: IDLE_MS });
  await bench.listenHttp(8080, (_request, response) => response.end());
  await bench.listenHttp(3000, (_request, response) => response.setHeader("content-type", "text/plain").end("ok"));
  return bench;
}

function stateOf(bench: GatewayBench): string | undefined {
  return bench.life.state(bench.sandbox.sandboxId);
}

async function untilState(bench: GatewayBench, state: string): Promise<void> {
  while (stateOf(bench) !== state) await Bun.sleep(1);
}

test("a sandbox falls asleep after its idle time, and the next request wakes it and is answered", async () => {
  await using bench = await sleepyBench();
  await untilState(bench, "asleep");
  expect(await (await fetch(`${bench.url}/preview/open/`)).text()).toBe("ok");
  expect(stateOf(bench)).toBe("awake");
  expect(bench.engine.calls).toEqual(["sleep", "slept", "wake", "woken"]);
});

test("100 requests that meet a sleeping sandbox share one wake and are all answered", async () => {
  await using bench = await sleepyBench();
  await untilState(bench, "asleep");
  const hold = Promise.withResolvers<void>();
  bench.engine.beforeWake = () => hold.promise;
  const answers = Array.from({ length: 100 }, () => fetch(`${bench.url}/preview/open/`));
  await untilState(bench, "waking");
  setTimeout(hold.resolve, 50);
  for (const answer of answers) expect((await answer).status).toBe(200);
  expect(bench.engine.calls.filter((call) => call === "wake")).toHaveLength(1);
});

test("a request that arrives while the sandbox falls asleep waits for the sleep, then wakes it", async () => {
  await using bench = await sleepyBench();
  const hold = Promise.withResolvers<void>();
  bench.engine.beforeSleep = () => hold.promise;
  await untilState(bench, "falling-asleep");
  const answer = fetch(`${bench.url}/preview/open/`);
  setTimeout(hold.resolve, 50);
  expect((await answer).status).toBe(200);
  expect(bench.engine.calls).toEqual(["sleep", "slept", "wake", "woken"]);
});

test("an open stream keeps the sandbox awake until its last byte", async () => {
  await using bench = new GatewayBench({ idleMs: IDLE_MS });
  await bench.listenHttp(8080, (_request, response) => response.end());
  const app = Promise.withResolvers<net.Socket>();
  await bench.listen(3000, (socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nfirst");
      app.resolve(socket);
    });
  });
  const answer = exchange(bench.port, get("/preview/open/"));
  const socket = await app.promise;
  await Bun.sleep(IDLE_MS * 4);
  expect(bench.engine.calls).toEqual([]);
  socket.write(" last");
  expect((await answer).body).toBe("first last");
  await untilState(bench, "asleep");
});

test("an aborted stream ends its lease", async () => {
  await using bench = new GatewayBench({ idleMs: IDLE_MS });
  await bench.listenHttp(8080, (_request, response) => response.end());
  await bench.listenHttp(3000, (_request, response) => response.write("for ever"));
  using client = new RawClient(bench.port);
  client.send(get("/preview/open/"));
  await client.until((received) => received.includes("for ever"));
  await Bun.sleep(IDLE_MS * 3);
  expect(stateOf(bench)).toBe("awake");
  client.destroy();
  await untilState(bench, "asleep");
});

test("an open WebSocket keeps the sandbox awake", async () => {
  await using bench = new GatewayBench({ idleMs: IDLE_MS });
  await bench.listenHttp(8080, (_request, response) => response.end());
  using app = Bun.serve({
    hostname: bench.address,
    port: 3000,
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response()),
    websocket: { message: () => undefined },
  });
  const socket = new WebSocket(`${bench.url.replace("http", "ws")}/preview/open/`);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  await Bun.sleep(IDLE_MS * 4);
  expect(bench.engine.calls).toEqual([]);
  socket.close();
  await untilState(bench, "asleep");
  await app.stop(true);
});

test("a keepAlive process holds the sandbox awake until the agent says that it ended", async () => {
  await using bench = new GatewayBench({ idleMs: IDLE_MS });
  const asked = Promise.withResolvers<() => void>();
  await bench.listenHttp(8080, (request, response) => {
    expect(request.url).toBe("/_dormouse/idle");
    asked.resolve(() => response.end());
  });
  const answerIdle = await asked.promise;
  await Bun.sleep(IDLE_MS * 2);
  expect(bench.engine.calls).toEqual([]);
  answerIdle();
  await untilState(bench, "asleep");
});

test("whatever answers for the agent that nothing keeps the sandbox alive can neither redirect the question nor go on for ever", async () => {
  for (const [status, headers] of [
    [302, { location: "/elsewhere" }],
    [200, { "content-type": "text/plain" }],
  ] as const) {
    await using bench = new GatewayBench({ idleMs: IDLE_MS });
    const asked: unknown[] = [];
    await bench.listenHttp(8080, (request, response) => {
      asked.push(request.url);
      response.writeHead(status, headers);
      response.write("endless");
    });
    await untilState(bench, "asleep");
    expect(asked).toEqual(["/_dormouse/idle"]);
  }
});

test("F054 a keepAlive process uses the sandbox until it ends, a quick answer is no use", async () => {
  await using bench = new GatewayBench({ idleMs: IDLE_MS });
  const { sandboxId } = bench.sandbox;
  const asked = Promise.withResolvers<() => void>();
  await bench.listenHttp(8080, (_request, response) => asked.resolve(() => response.end()));
  const trackedAtMs = bench.life.lastUsedAtMs(sandboxId) ?? 0;
  const answerIdle = await asked.promise;
  expect(bench.life.lastUsedAtMs(sandboxId)).toBe(trackedAtMs);
  await Bun.sleep(1050);
  expect(bench.life.lastUsedAtMs(sandboxId)).toBeGreaterThan(trackedAtMs + 1000);
  answerIdle();
  await untilState(bench, "asleep");
  expect(bench.life.lastUsedAtMs(sandboxId)).toBeGreaterThan(trackedAtMs + 1000);
});

test("a request during the idle question calls it off, and the question is asked anew later", async () => {
  await using bench = new GatewayBench({ idleMs: IDLE_MS });
  let questionCount = 0;
  const first = Promise.withResolvers<void>();
  await bench.listenHttp(8080, (_request, response) => {
    questionCount += 1;
    if (questionCount === 1) first.resolve();
    else response.end();
  });
  await bench.listenHttp(3000, (_request, response) => response.end("ok"));
  await first.promise;
  expect((await fetch(`${bench.url}/preview/open/`)).status).toBe(200);
  await untilState(bench, "asleep");
  expect(questionCount).toBe(2);
});

test("an agent that replaces itself while it is asked is asked again, and its keepAlive processes still count", async () => {
  await using bench = new GatewayBench({ idleMs: IDLE_MS });
  let questionCount = 0;
  const held = Promise.withResolvers<() => void>();
  await bench.listenHttp(8080, (request, response) => {
    questionCount += 1;
    if (questionCount < 3) request.socket.resetAndDestroy();
    else held.resolve(() => response.end());
  });
  const answerIdle = await held.promise;
  await Bun.sleep(IDLE_MS * 2);
  expect(bench.engine.calls).toEqual([]);
  answerIdle();
  await untilState(bench, "asleep");
  expect(questionCount).toBe(3);
});

test("a sandbox whose agent does not answer falls asleep too", async () => {
  await using bench = new GatewayBench({ idleMs: IDLE_MS });
  await untilState(bench, "asleep");
  expect(bench.engine.calls).toEqual(["sleep", "slept"]);
});

test("a failed wake is a retryable 503, and the next request tries again", async () => {
  await using bench = await sleepyBench();
  await untilState(bench, "asleep");
  bench.engine.beforeWake = () => Promise.reject(new AppError("SANDBOX_START_FAILED", "Cannot thaw"));
  const refused = await fetch(`${bench.url}/preview/open/`);
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ error: { reason: "ENGINE_UNAVAILABLE", retryable: true } });
  bench.engine.beforeWake = () => Promise.resolve();
  expect((await fetch(`${bench.url}/preview/open/`)).status).toBe(200);
});

test("a failed sleep leaves a sandbox that the next request wakes for certain", async () => {
  await using bench = await sleepyBench();
  bench.engine.beforeSleep = () => Promise.reject(new Error("engine gone"));
  await untilState(bench, "asleep");
  expect((await fetch(`${bench.url}/preview/open/`)).status).toBe(200);
  expect(bench.engine.calls).toEqual(["sleep", "wake", "woken"]);
});

test("a client that leaves while the sandbox wakes leaves no lease behind", async () => {
  await using bench = await sleepyBench();
  await untilState(bench, "asleep");
  const hold = Promise.withResolvers<void>();
  bench.engine.beforeWake = () => hold.promise;
  using client = new RawClient(bench.port);
  client.send(get("/preview/open/"));
  await untilState(bench, "waking");
  client.destroy();
  await client.untilClosed();
  hold.resolve();
  await untilState(bench, "awake");
  await untilState(bench, "asleep");
});

test("deleting a sandbox aborts its open streams, and new requests are 404", async () => {
  await using bench = new GatewayBench();
  await bench.listenHttp(3000, (_request, response) => response.write("for ever"));
  using client = new RawClient(bench.port);
  client.send(get("/preview/open/"));
  await client.until((received) => received.includes("for ever"));
  bench.life.forget(bench.sandbox.sandboxId);
  expect(await client.untilClosed()).not.toContain("\r\n0\r\n");
  const refused = await fetch(`${bench.url}/preview/open/`);
  expect(refused.status).toBe(404);
  expect(await refused.json()).toMatchObject({ error: { reason: "SANDBOX_NOT_FOUND" } });
});

test("a request that waits for an answer or for a wake when its sandbox is deleted is 404", async () => {
  await using bench = await sleepyBench();
  const wakes = bench.engine;
  await untilState(bench, "asleep");
  const hold = Promise.withResolvers<void>();
  wakes.beforeWake = () => hold.promise;
  const waiting = fetch(`${bench.url}/preview/open/`);
  await untilState(bench, "waking");
  bench.life.forget(bench.sandbox.sandboxId);
  hold.resolve();
  expect((await waiting).status).toBe(404);
});

test("work begun before a deletion does not touch a sandbox tracked later under the same id", async () => {
  await using bench = await sleepyBench();
  const hold = Promise.withResolvers<void>();
  bench.engine.beforeSleep = () => hold.promise;
  await untilState(bench, "falling-asleep");
  const id = bench.sandbox.sandboxId;
  bench.life.forget(id);
  bench.life.track({ id, address: bench.address, state: "running", idleMs: 60_000 });
  hold.resolve();
  await Bun.sleep(5);
  expect(stateOf(bench)).toBe("awake");
});

test("a sandbox tracked as asleep after a restart is woken by its first request", async () => {
  await using bench = await sleepyBench();
  const id = bench.sandbox.sandboxId;
  bench.life.forget(id);
  bench.life.track({ id, address: "127.0.0.1", state: "stopped" });
  expect((await fetch(`${bench.url}/preview/open/`)).status).toBe(200);
  expect(bench.life.lastUsedAtMs(id)).toBeGreaterThan(Date.now() - 5000);
});

test("2,000 requests around a sandbox that keeps falling asleep are all answered", async () => {
  await using bench = new GatewayBench({ idleMs: 1 });
  let isFrozen = false;
  bench.engine.beforeSleep = async () => {
    isFrozen = true;
    await Bun.sleep(0);
  };
  bench.engine.beforeWake = async () => {
    await Bun.sleep(0);
    isFrozen = false;
  };
  await bench.listenHttp(8080, (_request, response) => response.end());
  await bench.listenHttp(3000, (_request, response) =>
    response.setHeader("content-type", "text/plain").end(isFrozen ? "frozen" : "ok"),
  );
  const worker = async (): Promise<void> => {
    for (let count = 0; count < 500; count += 1) {
      expect(await (await fetch(`${bench.url}/preview/open/`)).text()).toBe("ok");
      if (count % 3 === 0) await Bun.sleep(count % 5);
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  expect(bench.engine.calls.filter((call) => call === "slept").length).toBeGreaterThan(10);
});

test("when nothing answers for the sandbox itself, the client may try again, and the next request has it started again", async () => {
  await using bench = new GatewayBench();
  const health = () =>
    fetch(`${bench.url}/run/acme/sandboxes/box/health`, { headers: { "X-Blaxel-Authorization": `Bearer ${API_KEY}` } });
  const refused = await health();
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ error: { reason: "SANDBOX_UNAVAILABLE", retryable: true } });
  bench.engine.beforeWake = () =>
    bench.listenHttp(8080, (_request, response) => response.end("started again")).then(() => undefined);
  expect((await health()).status).toBe(200);
  expect(bench.engine.calls).toEqual(["wake", "woken"]);
});

test("a sandbox that the engine's client can thaw at once is awake in the same turn, without a call to the engine", async () => {
  await using bench = await sleepyBench();
  let thawCount = 0;
  bench.engine.thaw = () => ++thawCount > 0;
  await untilState(bench, "asleep");
  expect(bench.life.acquire(bench.sandbox.sandboxId)).toBeInstanceOf(Lease);
  expect({ thawCount, calls: bench.engine.calls }).toEqual({ thawCount: 1, calls: ["sleep", "slept"] });
});

test("another idle time counts at once, from the last use: shorter, longer, never, and the general one again", async () => {
  await using bench = new GatewayBench({ idleMs: 60_000 });
  await bench.listenHttp(8080, (_request, response) => response.end());
  const { sandboxId } = bench.sandbox;
  bench.life.setIdleMs(sandboxId, IDLE_MS);
  await untilState(bench, "asleep");
  bench.life.setIdleMs(sandboxId, Number.POSITIVE_INFINITY);
  await untilState(bench, "awake");
  await Bun.sleep(IDLE_MS * 4);
  expect(stateOf(bench)).toBe("awake");
  expect(bench.engine.calls).toEqual(["sleep", "slept", "wake", "woken"]);
  bench.life.setIdleMs(sandboxId, undefined);
  expect(bench.life.activity(sandboxId)).toMatchObject({ state: "awake", idleMs: 60_000 });
  bench.life.setIdleMs(sandboxId, IDLE_MS);
  await untilState(bench, "asleep");
});

test("one that is not to sleep any more stays awake although a keepAlive process ends", async () => {
  await using bench = new GatewayBench({ idleMs: IDLE_MS });
  const asked = Promise.withResolvers<() => void>();
  await bench.listenHttp(8080, (_request, response) => asked.resolve(() => response.end()));
  const answerIdle = await asked.promise;
  bench.life.setIdleMs(bench.sandbox.sandboxId, Number.POSITIVE_INFINITY);
  answerIdle();
  await Bun.sleep(IDLE_MS * 4);
  expect(bench.engine.calls).toEqual([]);
});

test("the activity counts what is open by kind, and asks the agent what it keeps alive, also one that says nothing of use", async () => {
  await using bench = new GatewayBench();
  const { sandboxId } = bench.sandbox;
  let answer = '{"keepAliveCount":2}';
  await bench.listenHttp(8080, (_request, response) => response.end(answer));
  await bench.listenHttp(3000, (request, response) => {
    if (request.url === "/stream") response.write("begun");
  });
  using client = new RawClient(bench.port);
  client.send(get("/preview/open/stream"));
  await client.until((received) => received.includes("begun"));
  using waiting = new RawClient(bench.port);
  waiting.send(get("/preview/open/silent"));
  while (bench.life.activity(sandboxId)?.leaseCounts.request !== 1) await Bun.sleep(1);
  expect(bench.life.activity(sandboxId)?.leaseCounts).toEqual({ request: 1, stream: 1, webSocket: 0, terminal: 0 });
  expect(await bench.life.countKeepAlive(sandboxId)).toBe(2);
  for (answer of ["", "[]", '{"keepAliveCount":-1}', "x".repeat(100_000)]) {
    expect(await bench.life.countKeepAlive(sandboxId)).toBeUndefined();
  }
});
