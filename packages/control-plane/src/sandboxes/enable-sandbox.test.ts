import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { SandboxId } from "@dormouse/schema";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";

const setEnabled = (server: TestServer, enabled: boolean | null) =>
  server.call("PUT", "/sandboxes/switch", { spec: { enabled } });

const routeOf = (server: TestServer) => server.deps.directory.findSandbox("default", "switch");

test("F013 a disabled sandbox is frozen and refuses requests; enabled, it goes on where it was", async () => {
  await using server = await startServer();
  await server.create("switch");
  const id = server.engine.specs[0]?.id as SandboxId;
  const preview = { metadata: { name: "web" }, spec: { port: 3000 } };
  const { body } = await server.call("POST", "/sandboxes/switch/previews", preview);
  const previewId = new URL((body as { spec: { url: string } }).spec.url).hostname.split(".")[0] ?? "";
  const disabled = await setEnabled(server, false);
  expect(disabled).toMatchObject({ status: 200, body: { status: "DEACTIVATED", spec: { enabled: false } } });
  expect(disabled.body).not.toHaveProperty("state");
  expect(await server.engine.get(id)).toMatchObject({ state: "asleep" });
  expect(server.life.tracked.size).toBe(0);
  expect(routeOf(server)).toMatchObject({ refusal: "disabled" });
  expect(server.deps.directory.findPreview(previewId)).toMatchObject({ sandbox: { refusal: "disabled" } });
  expect(await setEnabled(server, true)).toMatchObject({ status: 200, body: { status: "DEPLOYED", state: "RUNNING" } });
  expect(await server.engine.get(id)).toMatchObject({ state: "running" });
  expect([...server.life.tracked.keys()]).toEqual([id]);
  expect(routeOf(server)).not.toHaveProperty("refusal");
  expect(server.deps.directory.findPreview(previewId)?.sandbox).not.toHaveProperty("refusal");
  expect(server.engine.specs).toHaveLength(1);
});

test("F013 repeating a switch changes nothing, null enables, and a sandbox can be created disabled", async () => {
  await using server = await startServer();
  expect(await server.create("switch", { enabled: false })).toMatchObject({
    status: 200,
    body: { status: "DEACTIVATED" },
  });
  const { body } = await setEnabled(server, false);
  expect((body as { events: unknown[] }).events).toHaveLength(3);
  expect(await setEnabled(server, null)).toMatchObject({ body: { status: "DEPLOYED" } });
  const enabled = await setEnabled(server, true);
  expect((enabled.body as { events: unknown[] }).events).toHaveLength(4);
});

test("F013 a disabled sandbox can be relabelled, expires, and is deleted as any other", async () => {
  const time = { nowMs: 1_000_000 };
  await using server = await startServer({ clock: () => time.nowMs });
  await server.create("switch", { runtime: { ttl: "1m" } });
  await setEnabled(server, false);
  const relabelled = await server.call("PUT", "/sandboxes/switch", { metadata: { labels: { a: "1" } } });
  expect(relabelled).toMatchObject({ status: 200, body: { status: "DEACTIVATED", metadata: { labels: { a: "1" } } } });
  time.nowMs += 60_000;
  server.deps.alarms.check();
  do await Bun.sleep(1);
  while (!server.deps.expiries.isIdle);
  expect(await server.call("GET", "/sandboxes/switch")).toMatchObject({ body: { status: "TERMINATED" } });
  await server.create("switch", { enabled: false });
  expect(await server.call("DELETE", "/sandboxes/switch")).toMatchObject({ status: 200 });
  expect(await server.engine.list()).toEqual([]);
});

test("a switch that the engine refuses is brought to its end by repeating it", async () => {
  await using server = await startServer();
  await server.create("switch");
  const sleep = server.engine.sleep.bind(server.engine);
  server.engine.sleep = () => Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine"));
  expect(await setEnabled(server, false)).toMatchObject({ status: 503 });
  expect(await server.call("GET", "/sandboxes/switch")).toMatchObject({ body: { status: "DEACTIVATING" } });
  expect(routeOf(server)).toMatchObject({ refusal: "disabled" });
  server.engine.sleep = sleep;
  expect(await setEnabled(server, false)).toMatchObject({ body: { status: "DEACTIVATED" } });
});

test.each(["DEACTIVATED", "DEACTIVATING"] as const)(
  "a sandbox that is %s stays disabled over a restart",
  async (status) => {
    const folder = await mkdtemp(join(tmpdir(), "dormouse-enable-"));
    await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const options = { sqlitePath: join(folder, "test.db"), engine: new MemoryEngine() };
    {
      await using before = await startServer(options);
      await before.create("switch");
      await setEnabled(before, false);
      const id = options.engine.specs[0]?.id as SandboxId;
      await before.deps.store.sandboxes.mark(id, status, 1);
      await options.engine.wake(id);
    }
    await using after = await startServer(options);
    expect(await after.call("GET", "/sandboxes/switch")).toMatchObject({ body: { status: "DEACTIVATED" } });
    expect(await options.engine.list()).toMatchObject([{ state: "asleep" }]);
    expect(routeOf(after)).toMatchObject({ refusal: "disabled" });
    expect(await setEnabled(after, true)).toMatchObject({ body: { status: "DEPLOYED" } });
  },
);
