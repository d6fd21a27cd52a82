import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { SandboxId } from "@dormouse/schema";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { startServer, type Answer, type ServerOptions, type TestServer } from "../../testkit/server.ts";

const START_MS = Date.parse("2026-01-01T00:00:00Z");
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A server whose wall clock the test moves. */
class TimedServer implements AsyncDisposable {
  readonly server: TestServer;
  readonly #time: { nowMs: number };

  constructor(server: TestServer, time: { nowMs: number }) {
    this.server = server;
    this.#time = time;
  }

  get nowMs(): number {
    return this.#time.nowMs;
  }

  /** Moves the clock, without anybody noticing. */
  jump(byMs: number): void {
    this.#time.nowMs += byMs;
  }

  /** Moves the clock and resolves when everything that expires then is gone. */
  async pass(byMs: number): Promise<void> {
    this.jump(byMs);
    this.server.deps.alarms.check();
    await this.settled();
  }

  async settled(): Promise<void> {
    do await Bun.sleep(1);
    while (!this.server.deps.expiries.isIdle);
  }

  async statusOf(name: string): Promise<unknown> {
    const { status, body } = await this.server.call("GET", `/sandboxes/${name}`);
    return status === 200 ? (body as { status: string }).status : status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

async function startTimed(options: ServerOptions = {}, nowMs = START_MS): Promise<TimedServer> {
  const time = { nowMs };
  return new TimedServer(await startServer({ ...options, clock: () => time.nowMs }), time);
}

const policies = (...expirationPolicies: { type: string; value: string; action?: string }[]) => ({
  lifecycle: { expirationPolicies },
});

const idOf = ({ engine }: TestServer, index = -1): SandboxId => engine.specs.at(index)?.id as SandboxId;
const expiresIn = ({ body }: Answer): unknown => (body as { expiresIn?: number }).expiresIn;

const LIMITS: [title: string, spec: object, afterMs: number][] = [
  ["F051 ttl in seconds", { runtime: { ttl: "1s" } }, SECOND_MS],
  ["F051 ttl in minutes", { runtime: { ttl: "30m" } }, 30 * MINUTE_MS],
  ["F051 ttl in hours", { runtime: { ttl: "24h" } }, DAY_MS],
  ["F051 ttl in days, longer than a timer can run", { runtime: { ttl: "60d" } }, 60 * DAY_MS],
  ["F051 ttl in weeks", { runtime: { ttl: "2w" } }, 14 * DAY_MS],
  ["F050 expires", { runtime: { expires: "2026-01-01T00:01:00+00:00" } }, MINUTE_MS],
  ["F052 ttl-max-age", policies({ type: "ttl-max-age", value: "7d", action: "delete" }), 7 * DAY_MS],
  ["F052 date", policies({ type: "date", value: "2026-01-02T00:00:00.000Z" }), DAY_MS],
  ["F052 ttl-idle", policies({ type: "ttl-idle", value: "30m" }), 30 * MINUTE_MS],
  [
    "F052 the first of several policies",
    policies(
      { type: "ttl-max-age", value: "7d" },
      { type: "ttl-idle", value: "2d" },
      { type: "date", value: "2026-01-02T00:00:00Z" },
    ),
    DAY_MS,
  ],
  [
    "F052 ttl beside a later policy",
    { runtime: { ttl: "1h" }, ...policies({ type: "ttl-idle", value: "2h" }) },
    DAY_MS / 24,
  ],
];

test.each(LIMITS)("%s deletes the sandbox at its time, not a millisecond before", async (_title, spec, afterMs) => {
  await using timed = await startTimed();
  const { server } = timed;
  expect(expiresIn(await server.create("brief", spec))).toBe(afterMs / SECOND_MS);
  await timed.pass(afterMs - 1);
  expect(await timed.statusOf("brief")).toBe("DEPLOYED");
  expect(await server.engine.list()).toHaveLength(1);
  await timed.pass(1);
  expect(await timed.statusOf("brief")).toBe("TERMINATED");
  expect(await server.engine.list()).toEqual([]);
  expect(server.life.tracked.size).toBe(0);
  expect(server.deps.directory.findSandbox("default", "brief")).toBeUndefined();
});

test("F056 expiresIn counts down and is absent without a limit", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  await server.create("counted", { runtime: { ttl: "1h" } });
  await server.create("lasting");
  timed.jump(10 * MINUTE_MS + 1);
  expect(expiresIn(await server.call("GET", "/sandboxes/counted"))).toBe(3000);
  expect((await server.call("GET", "/sandboxes/lasting")).body).not.toHaveProperty("expiresIn");
});

test("F053 F054 use keeps an idle limit away, sleep does not end a sandbox, and a sandbox in use is not idle", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  await server.create("busy", policies({ type: "ttl-idle", value: "10m" }));
  const id = idOf(server);
  for (let use = 0; use < 5; use += 1) {
    server.life.usedAtMs.set(id, timed.nowMs + 9 * MINUTE_MS);
    await timed.pass(9 * MINUTE_MS);
    expect(await timed.statusOf("busy")).toBe("DEPLOYED");
  }
  expect(expiresIn(await server.call("GET", "/sandboxes/busy"))).toBe(600);
  await server.engine.sleep(id);
  await timed.pass(10 * MINUTE_MS - 1);
  expect(await timed.statusOf("busy")).toBe("DEPLOYED");
  await timed.pass(1);
  expect(await timed.statusOf("busy")).toBe("TERMINATED");
});

test("F012 an expired sandbox can be read, says why it went, and is forgotten after its retention", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  const envs = [{ name: "KEY", value: "hush-hush", secret: true }];
  await server.create("ended", { runtime: { ttl: "1h", envs }, lifecycle: { terminatedRetention: "1h" } });
  await server.create("default", { runtime: { ttl: "1h" } });
  await server.create("alive");
  await timed.pass(DAY_MS / 24);
  const { body } = await server.call("GET", "/sandboxes/ended");
  expect(body).toMatchObject({ status: "TERMINATED", spec: { runtime: { ttl: "1h" } } });
  expect(body).toHaveProperty("events.2", {
    type: "status",
    status: "TERMINATED",
    message: "Deleted because its ttl of 1h was over",
    time: "2026-01-01T01:00:00.000Z",
  });
  for (const absent of ["state", "expiresIn"]) expect(body).not.toHaveProperty(absent);
  expect(await server.call("GET", "/sandboxes?limit=10")).toMatchObject({ body: { meta: { total: 1 } } });
  expect(await server.call("GET", "/sandboxes?showTerminated=true")).toMatchObject({ body: { meta: { total: 3 } } });
  expect(await server.call("GET", "/sandboxes?status=terminated")).toMatchObject({ body: { meta: { total: 2 } } });
  expect(JSON.stringify(await server.deps.store.sandboxes.all())).not.toContain("hush-hush");
  await timed.pass(5 * MINUTE_MS);
  expect([await timed.statusOf("default"), await timed.statusOf("ended")]).toEqual([404, "TERMINATED"]);
  await timed.pass(55 * MINUTE_MS);
  expect(await timed.statusOf("ended")).toBe(404);
  expect(await server.deps.store.sandboxes.all()).toHaveLength(1);
});

test("F057 previews and their tokens go with an expired sandbox", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  await server.create("host", { runtime: { ttl: "1m" } });
  const preview = await server.call("POST", "/sandboxes/host/previews", {
    metadata: { name: "web" },
    spec: { port: 3000 },
  });
  await server.call("POST", "/sandboxes/host/previews/web/tokens", {});
  const { url } = (preview.body as { spec: { url: string } }).spec;
  await timed.pass(MINUTE_MS);
  expect(server.deps.directory.findPreview(new URL(url).hostname.split(".")[0] ?? "")).toBeUndefined();
  expect(await server.deps.store.previews.all()).toEqual([]);
  expect(await server.deps.store.previews.allTokens()).toEqual([]);
  expect(await server.call("GET", "/sandboxes/host/previews")).toMatchObject({ status: 404 });
  expect(await server.call("PUT", "/sandboxes/host", {})).toMatchObject({ status: 404 });
});

test("F012 F022 the name of an expired sandbox is free at once, and the new one is what is found by it", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  for (const query of ["", "?createIfNotExist=true"]) {
    await server.create("again", { runtime: { ttl: "1m" } });
    await timed.pass(MINUTE_MS);
    const answer = await server.call("POST", `/sandboxes${query}`, { metadata: { name: "again" } });
    expect(answer).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
    expect(await timed.statusOf("again")).toBe("DEPLOYED");
    expect(await server.call("DELETE", "/sandboxes/again")).toMatchObject({
      status: 200,
      body: { status: "DELETING" },
    });
    expect(await timed.statusOf("again")).toBe(404);
    expect(await server.deps.store.sandboxes.all()).toEqual([]);
  }
});

test("F008 deleting an expired sandbox takes its record too", async () => {
  await using timed = await startTimed();
  await timed.server.create("twice", { runtime: { ttl: "1m" } });
  await timed.pass(MINUTE_MS);
  expect(await timed.server.call("DELETE", "/sandboxes/twice")).toMatchObject({ status: 200 });
  expect(await timed.statusOf("twice")).toBe(404);
});

test("F022 createIfNotExist never hands out a sandbox whose time has come, alarm or not", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  await server.create("edge", { runtime: { ttl: "1m" } });
  timed.jump(MINUTE_MS);
  const answer = await server.call("POST", "/sandboxes?createIfNotExist=true", { metadata: { name: "edge" } });
  expect(answer).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
  expect(answer.body).not.toHaveProperty("expiresIn");
  expect(server.engine.specs).toHaveLength(2);
  expect((await server.engine.list()).map(({ id }) => id)).toEqual([idOf(server)]);
});

test("F055 limits are changed and cleared while the sandbox runs", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  await server.create("moved", { runtime: { ttl: "1m" } });
  const put = (spec: object) => server.call("PUT", "/sandboxes/moved", { spec });
  expect(expiresIn(await put({ runtime: { ttl: "1h" } }))).toBe(3600);
  await timed.pass(30 * MINUTE_MS);
  expect(await put({ runtime: { ttl: "" } })).not.toHaveProperty("body.expiresIn");
  await timed.pass(365 * DAY_MS);
  expect(expiresIn(await put(policies({ type: "ttl-idle", value: "366d" })))).toBeLessThan(2 * (DAY_MS / SECOND_MS));
  expect(await put({ lifecycle: null })).not.toHaveProperty("body.expiresIn");
  await timed.pass(365 * DAY_MS);
  expect(await timed.statusOf("moved")).toBe("DEPLOYED");
  expect(server.engine.specs).toHaveLength(1);
  await put({ runtime: { ttl: "1d" } });
  await timed.pass(0);
  expect(await timed.statusOf("moved")).toBe("TERMINATED");
});

test("an update that comes before the alarm is served saves the sandbox, one that comes after it is refused", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  for (const name of ["saved", "lost"]) await server.create(name, { runtime: { ttl: "1m" } });
  const put = (name: string) => server.call("PUT", `/sandboxes/${name}`, { spec: { runtime: { ttl: "1h" } } });
  timed.jump(MINUTE_MS);
  expect(await put("saved")).toMatchObject({ status: 200 });
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  server.engine.beforeRemove = () => {
    entered.resolve();
    return gate.promise;
  };
  server.deps.alarms.check();
  await entered.promise;
  const late = put("lost");
  gate.resolve();
  expect([404, 409]).toContain((await late).status);
  await timed.settled();
  expect([await timed.statusOf("saved"), await timed.statusOf("lost")]).toEqual(["DEPLOYED", "TERMINATED"]);
});

test("a deletion during the expiry leaves no record", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  await server.create("both", { runtime: { ttl: "1m" } });
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  server.engine.beforeRemove = () => {
    entered.resolve();
    return gate.promise;
  };
  timed.jump(MINUTE_MS);
  server.deps.alarms.check();
  await entered.promise;
  const deletion = server.call("DELETE", "/sandboxes/both");
  gate.resolve();
  expect(await deletion).toMatchObject({ status: 200, body: { status: "DELETING" } });
  await timed.settled();
  expect(await server.deps.store.sandboxes.all()).toEqual([]);
});

test("1,000 sandboxes of one second are deleted in the order of their times, a few at once", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  const names = Array.from({ length: 1000 }, (_, index) => `crowd-${index}`);
  for (const [index, name] of names.entries()) {
    const expires = new Date(START_MS + MINUTE_MS + ((index * 7) % 1000)).toISOString();
    await server.create(name, { runtime: { expires } });
  }
  let atOnceCount = 0;
  let mostAtOnceCount = 0;
  server.engine.beforeRemove = async () => {
    mostAtOnceCount = Math.max(mostAtOnceCount, ++atOnceCount);
    await Promise.resolve();
    atOnceCount -= 1;
  };
  server.logged.length = 0;
  await timed.pass(MINUTE_MS + SECOND_MS);
  expect(await server.engine.list()).toEqual([]);
  expect(mostAtOnceCount).toBeLessThanOrEqual(8);
  const reasons = server.logged.map(({ reason }) => String(reason));
  expect(reasons).toHaveLength(1000);
  expect(reasons.findIndex((reason) => reason.endsWith(".000Z"))).toBeLessThan(8);
  expect(reasons.findIndex((reason) => reason.endsWith(".500Z"))).toBeWithin(490, 510);
}, 30_000);

test("an expiry that the engine refuses is tried again until it is done", async () => {
  await using timed = await startTimed();
  const { server } = timed;
  await server.create("stubborn", policies({ type: "ttl-idle", value: "1m" }));
  server.engine.beforeRemove = () => Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine"));
  await timed.pass(MINUTE_MS);
  expect(await timed.statusOf("stubborn")).toBe("DELETING");
  expect(server.deps.directory.findSandbox("default", "stubborn")).toBeUndefined();
  server.engine.beforeRemove = () => Promise.resolve();
  await timed.pass(5 * SECOND_MS);
  expect(await timed.statusOf("stubborn")).toBe("TERMINATED");
});

test("what expired while the server was down goes at its start, and what did not keeps its time", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-expiry-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  const options = { sqlitePath: join(folder, "test.db"), engine: new MemoryEngine() };
  {
    await using before = await startTimed(options);
    await before.server.create("over", { runtime: { ttl: "1h" } });
    await before.server.create("later", { runtime: { ttl: "3h" } });
    await before.server.create("kept", { runtime: { ttl: "1s" }, lifecycle: { terminatedRetention: "1h" } });
    await before.server.create("idle", policies({ type: "ttl-idle", value: "1h" }));
    await before.server.create("used", policies({ type: "ttl-idle", value: "1h" }));
    before.server.life.usedAtMs.set(idOf(before.server), START_MS + 90 * MINUTE_MS);
    await before.pass(SECOND_MS);
  }
  await using after = await startTimed(options, START_MS + 120 * MINUTE_MS);
  await after.pass(0);
  const statuses: Record<string, unknown> = {};
  for (const name of ["over", "later", "kept", "idle", "used"]) statuses[name] = await after.statusOf(name);
  expect(statuses).toEqual({ over: "TERMINATED", later: "DEPLOYED", kept: 404, idle: "TERMINATED", used: "DEPLOYED" });
  await after.pass(30 * MINUTE_MS);
  expect(await after.statusOf("used")).toBe("TERMINATED");
  await after.pass(30 * MINUTE_MS);
  expect(await after.statusOf("later")).toBe("TERMINATED");
});

test.each([
  ["expires", { runtime: { expires: "2025-12-31T23:59:59Z" } }],
  ["a date policy", policies({ type: "date", value: "2020-01-01T00:00:00Z" })],
])("%s that is past is refused, at creation and later, but may pass in between", async (_title, spec) => {
  await using timed = await startTimed();
  const { server } = timed;
  expect(await server.create("past", spec)).toMatchObject({ status: 400, body: { code: "INVALID_ARGUMENT" } });
  await server.create("now");
  expect(await server.call("PUT", "/sandboxes/now", { spec })).toMatchObject({ status: 400 });
  expect(await timed.statusOf("now")).toBe("DEPLOYED");
});

const REFUSED: [lifecycle: unknown, sentence: string][] = [
  [{ expirationPolicies: [{ type: "ttl", value: "1h" }] }, 'expected "ttl-idle", "ttl-max-age" or "date"'],
  [{ expirationPolicies: [{ type: "ttl-idle", value: "1 hour" }] }, "of the units s, m, h, d and w"],
  [{ expirationPolicies: [{ type: "ttl-idle", value: "0s" }] }, "of the units s, m, h, d and w"],
  [{ expirationPolicies: [{ type: "ttl-idle", value: "-5m" }] }, "of the units s, m, h, d and w"],
  [{ expirationPolicies: [{ type: "ttl-max-age", value: "9999999999w" }] }, "must not be longer than 100 years"],
  [{ expirationPolicies: [{ type: "ttl-max-age", value: "2030-01-01T00:00:00Z" }] }, "of the units s, m, h, d and w"],
  [{ expirationPolicies: [{ type: "date", value: "tomorrow" }] }, 'such as "2030-01-01T00:00:00Z"'],
  [{ expirationPolicies: [{ type: "date", value: "5m" }] }, 'such as "2030-01-01T00:00:00Z"'],
  [{ expirationPolicies: [{ type: "ttl-idle", value: "1h", action: "stop" }] }, 'expected "delete"'],
  [{ expirationPolicies: [{ type: "ttl-idle", value: "1h", values: "2h" }] }, "values"],
  [{ expirationPolicys: [] }, "expirationPolicys"],
  [{ expirationPolicies: {} }, "expirationPolicies"],
  [{ terminatedRetention: "forever" }, "terminatedRetention"],
  [{ terminatedRetention: "31d" }, "must not be longer than 30 days"],
];

test.each(REFUSED)("F052 lifecycle %j is refused with a sentence", async (lifecycle, sentence) => {
  await using server = await startServer();
  const answer = await server.create("strict", { lifecycle });
  expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_ARGUMENT" } });
  expect(JSON.stringify(answer.body)).toContain(JSON.stringify(sentence).slice(1, -1));
  await server.create("loose");
  expect(await server.call("PUT", "/sandboxes/loose", { spec: { lifecycle } })).toMatchObject({ status: 400 });
});
