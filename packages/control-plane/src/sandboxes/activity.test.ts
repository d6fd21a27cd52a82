import { expect, test } from "bun:test";
import type { SandboxActivity } from "@dormouse/schema";
import { startServer, type TestServer } from "../../testkit/server.ts";

const AT_MS = Date.parse("2030-01-01T00:00:00.000Z");

async function activityOf(server: TestServer, name: string): Promise<SandboxActivity> {
  const { status, body } = await server.call("GET", `/sandboxes/${name}/activity`);
  expect(status).toBe(200);
  return body as SandboxActivity;
}

async function trackedId(server: TestServer): Promise<string> {
  const [record] = await server.deps.store.sandboxes.all();
  return record?.id ?? "";
}

test("the activity says what keeps a sandbox awake, the strongest reason first, and what memory it holds", async () => {
  await using server = await startServer({ clock: () => AT_MS });
  await server.create("busy");
  const { life } = server;
  const [id] = life.tracked.keys();
  if (id !== undefined) life.usedAtMs.set(id, AT_MS);
  const open = { requests: 0, streams: 0, webSockets: 0, terminals: 0 };
  expect(await activityOf(server, "busy")).toEqual({
    state: "RUNNING",
    reason: "recently-used",
    lastUsedAt: "2030-01-01T00:00:00.000Z",
    idleTimeoutMs: 5000,
    sleepsAt: "2030-01-01T00:00:05.000Z",
    open,
    keepAliveProcesses: 0,
    memory: { residentBytes: 0, swappedBytes: 0, isPagedOut: false },
  });
  life.keepAliveCount = 2;
  expect(await activityOf(server, "busy")).toMatchObject({ reason: "kept-alive", keepAliveProcesses: 2 });
  Object.assign(life.leaseCounts, { webSocket: 3, terminal: 1 });
  expect(await activityOf(server, "busy")).toMatchObject({
    reason: "in-use",
    open: { ...open, webSockets: 3, terminals: 1 },
  });
});

test("the activity of one that sleeps, is disabled or is unknown", async () => {
  await using server = await startServer();
  await server.create("still");
  const { life } = server;
  for (const sandbox of life.tracked.values()) life.track({ ...sandbox, state: "asleep" });
  const asleep = await activityOf(server, "still");
  expect(asleep).toMatchObject({ state: "STANDBY", reason: "idle", idleTimeoutMs: 5000 });
  expect(asleep).not.toHaveProperty("keepAliveProcesses");
  await server.call("PUT", "/sandboxes/still", { spec: { enabled: false } });
  const disabled = await activityOf(server, "still");
  expect(disabled.reason).toBe("disabled");
  expect(disabled).not.toHaveProperty("state");
  expect(await server.call("GET", "/sandboxes/nobody/activity")).toMatchObject({ status: 404 });
});

test("a sandbox has the idle time it was created with, at once the one an update gives, and keeps it over a restart", async () => {
  await using server = await startServer();
  const created = await server.create("own", { lifecycle: { idleTimeout: "90s" } });
  expect(created.body).toHaveProperty("spec.lifecycle.idleTimeout", "90s");
  const id = await trackedId(server);
  const idleMs = () => [...server.life.tracked.values()].map((sandbox) => sandbox.idleMs);
  expect(idleMs()).toEqual([90_000]);
  const update = (lifecycle: unknown) => server.call("PUT", "/sandboxes/own", { spec: { lifecycle } });
  await update({ idleTimeout: "never" });
  expect(idleMs()).toEqual([Number.POSITIVE_INFINITY]);
  expect(await activityOf(server, "own")).toMatchObject({ reason: "never-sleeps", idleTimeoutMs: null });
  await server.call("PUT", "/sandboxes/own", { metadata: { labels: { a: "b" } } });
  expect(idleMs()).toEqual([Number.POSITIVE_INFINITY]);
  await server.call("PUT", "/sandboxes/own", { spec: { enabled: false } });
  await server.call("PUT", "/sandboxes/own", { spec: { enabled: true } });
  expect(idleMs()).toEqual([Number.POSITIVE_INFINITY]);
  await update(null);
  expect(idleMs()).toEqual([undefined]);
  await update({ idleTimeout: "7d" });

  await using after = await startServer({
    engine: server.engine,
    prepare: async (store) => {
      for (const record of await server.deps.store.sandboxes.all()) await store.sandboxes.insert(record);
    },
  });
  expect([...after.life.tracked.values()]).toMatchObject([{ id, idleMs: 604_800_000 }]);
});

test.each([
  ["0s", 'expected "never" or a duration'],
  ["500ms", 'expected "never" or a duration'],
  ["8d", "must not be longer than 7 days"],
  ["always", 'expected "never" or a duration'],
  [5, 'expected "never" or a duration'],
])("idle time %j is refused with a sentence", async (idleTimeout, sentence) => {
  await using server = await startServer();
  const answer = await server.create("strict", { lifecycle: { idleTimeout } });
  expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining(sentence) } });
});
