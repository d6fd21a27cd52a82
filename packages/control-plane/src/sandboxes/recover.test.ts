import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SandboxId, type SandboxStatus } from "@dormouse/schema";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { startServer } from "../../testkit/server.ts";

/** A database file that goes away with its folder. */
async function temporaryDatabase() {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-control-plane-"));
  return {
    sqlitePath: join(folder, "test.db"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test("after a restart sandboxes, previews, tokens and keys are as before, and live sandboxes are tracked", async () => {
  await using database = await temporaryDatabase();
  const engine = new MemoryEngine();
  let apiKey: string;
  let token: string;
  {
    await using before = await startServer({ sqlitePath: database.sqlitePath, engine });
    apiKey = before.apiKey;
    await before.create("survivor", { runtime: { envs: [{ name: "KEY", value: "hush-hush", secret: true }] } });
    await before.call("POST", "/sandboxes/survivor/previews", { metadata: { name: "web" }, spec: { port: 3000 } });
    const answer = await before.call("POST", "/sandboxes/survivor/previews/web/tokens", {});
    token = (answer.body as { spec: { token: string } }).spec.token;
  }
  await using after = await startServer({ sqlitePath: database.sqlitePath, engine });
  const headers = { "x-blaxel-authorization": `Bearer ${apiKey}` };
  const got = await after.call("GET", "/sandboxes/survivor", undefined, headers);
  expect(got).toMatchObject({ status: 200, body: { status: "DEPLOYED", state: "RUNNING" } });
  expect([...after.life.tracked.keys()]).toEqual((await engine.list()).map(({ id }) => id));
  const previews = await after.call("GET", "/sandboxes/survivor/previews", undefined, headers);
  const [preview] = previews.body as { spec: { url: string } }[];
  const previewId = new URL(preview?.spec.url ?? "").hostname.split(".")[0] ?? "";
  expect(after.deps.directory.findPreview(previewId)).toMatchObject({ port: 3000, sandbox: { name: "survivor" } });
  expect(after.deps.directory.findPreviewToken(previewId, token)).toBeDefined();
});

test("the database file holds no API key", async () => {
  await using database = await temporaryDatabase();
  let apiKey: string;
  {
    await using server = await startServer({ sqlitePath: database.sqlitePath });
    apiKey = server.apiKey;
  }
  expect(apiKey).not.toBe("");
  expect(await Bun.file(database.sqlitePath).text()).not.toContain(apiKey);
});

test.each<[SandboxStatus, where: string]>([
  ["DEPLOYING", "the engine has it"],
  ["DEPLOYING", "the engine does not have it"],
  ["DELETING", "the engine has it"],
  ["DELETING", "the engine does not have it"],
])("a sandbox the server died over while %s is gone on both sides: %s", async (status, where) => {
  await using database = await temporaryDatabase();
  const engine = new MemoryEngine();
  {
    await using before = await startServer({ sqlitePath: database.sqlitePath, engine });
    await before.create("cut");
    const id = SandboxId.parse(engine.specs[0]?.id);
    await before.deps.store.sandboxes.change(id, "DEPLOYED", { status, events: [], updatedAtMs: 1 });
    if (where === "the engine does not have it") await engine.remove(id);
  }
  await using after = await startServer({ sqlitePath: database.sqlitePath, engine });
  expect(await after.deps.store.sandboxes.all()).toEqual([]);
  expect(await engine.list()).toEqual([]);
  expect(after.deps.directory.findSandbox("default", "cut")).toBeUndefined();
});

test("an engine sandbox without a record is removed", async () => {
  await using database = await temporaryDatabase();
  const engine = new MemoryEngine();
  {
    await using before = await startServer({ sqlitePath: database.sqlitePath, engine });
    await before.create("known");
  }
  await engine.create({
    id: SandboxId.parse("orphan01"),
    hostname: "orphan",
    image: "base-image",
    memoryMiB: 128,
    cpuCount: 1,
    env: {},
    volumes: [],
  });
  await using server = await startServer({ sqlitePath: database.sqlitePath, engine });
  expect(await engine.list()).toHaveLength(1);
  expect(server.logged).toMatchObject([{ event: "sandbox.recover", outcome: "orphan removed", id: "orphan01" }]);
});

test("a record whose sandbox vanished is FAILED: visible, out of the directory, deletable", async () => {
  await using database = await temporaryDatabase();
  const engine = new MemoryEngine();
  let apiKey: string;
  {
    await using before = await startServer({ sqlitePath: database.sqlitePath, engine });
    apiKey = before.apiKey;
    await before.create("ghost");
    await engine.remove(SandboxId.parse(engine.specs[0]?.id));
  }
  await using after = await startServer({ sqlitePath: database.sqlitePath, engine });
  const headers = { "x-blaxel-authorization": `Bearer ${apiKey}` };
  const got = await after.call("GET", "/sandboxes/ghost", undefined, headers);
  expect(got).toMatchObject({ status: 200, body: { status: "FAILED" } });
  expect(got.body).not.toHaveProperty("state");
  expect(after.deps.directory.findSandbox("default", "ghost")).toBeUndefined();
  expect(await after.call("DELETE", "/sandboxes/ghost", undefined, headers)).toMatchObject({ status: 200 });
});

test("a server with an empty database leaves the engine's sandboxes alone: it may have been given the wrong one", async () => {
  await using database = await temporaryDatabase();
  const engine = new MemoryEngine();
  {
    await using before = await startServer({ sqlitePath: database.sqlitePath, engine });
    await before.create("precious");
  }
  await using after = await startServer({ engine });
  expect(after.life.tracked.size).toBe(0);
  expect(await engine.list()).toHaveLength(1);
});

test("a creation the engine still works on when the server died is taken back once it is done", async () => {
  await using database = await temporaryDatabase();
  const engine = new MemoryEngine();
  {
    await using before = await startServer({ sqlitePath: database.sqlitePath, engine });
    await before.create("cut");
    const id = SandboxId.parse(engine.specs[0]?.id);
    await before.deps.store.sandboxes.change(id, "DEPLOYED", { status: "DEPLOYING", events: [], updatedAtMs: 1 });
  }
  engine.list = () => Promise.resolve([]);
  await using after = await startServer({ sqlitePath: database.sqlitePath, engine });
  Reflect.deleteProperty(engine, "list");
  expect(await engine.list()).toEqual([]);
  expect(after.life.tracked.size).toBe(0);
});

test("a sandbox the server died over while starting anew is FAILED, not gone without a trace", async () => {
  await using database = await temporaryDatabase();
  const engine = new MemoryEngine();
  {
    await using before = await startServer({ sqlitePath: database.sqlitePath, engine });
    await before.create("anew");
    await before.deps.store.sandboxes.mark(SandboxId.parse(engine.specs[0]?.id), "DEPLOYING", 1);
  }
  await using after = await startServer({ sqlitePath: database.sqlitePath, engine });
  expect(await after.call("GET", "/sandboxes/anew")).toMatchObject({
    body: { status: "FAILED", errors: [{ code: "SANDBOX_VANISHED", fatal: true }] },
  });
  expect(await engine.list()).toEqual([]);
});

test("a creation the engine is slow to give up does not hold up the start, and its name is free at once", async () => {
  await using database = await temporaryDatabase();
  const engine = new MemoryEngine();
  let apiKey: string;
  {
    await using before = await startServer({ sqlitePath: database.sqlitePath, engine });
    apiKey = before.apiKey;
    await before.create("cut");
    const id = SandboxId.parse(engine.specs[0]?.id);
    await before.deps.store.sandboxes.change(id, "DEPLOYED", { status: "DEPLOYING", events: [], updatedAtMs: 1 });
  }
  const release = Promise.withResolvers<void>();
  engine.beforeRemove = () => release.promise;
  await using after = await startServer({ sqlitePath: database.sqlitePath, engine });
  const headers = { "x-blaxel-authorization": `Bearer ${apiKey}` };
  expect(await after.call("GET", "/sandboxes/cut", undefined, headers)).toMatchObject({ body: { status: "DELETING" } });
  const again = after.create("cut");
  release.resolve();
  expect(await again).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
  expect(await engine.list()).toHaveLength(1);
});

test("a restart the server did not live to write down is in the events of the sandbox once", async () => {
  await using database = await temporaryDatabase();
  const engine = new MemoryEngine();
  const restart = { atMs: 1_700_000_000_000, reason: "host-reboot" as const };
  let apiKey: string;
  {
    await using before = await startServer({ sqlitePath: database.sqlitePath, engine });
    apiKey = before.apiKey;
    await before.create("again");
    const [sandbox] = await engine.list();
    engine.list = async () => (sandbox === undefined ? [] : [{ ...sandbox, restart }]);
  }
  {
    await using after = await startServer({ sqlitePath: database.sqlitePath, engine });
    expect(after.logged).toMatchObject([{ event: "sandbox.restart", reason: "host-reboot", sandbox: "again" }]);
  }
  await using later = await startServer({ sqlitePath: database.sqlitePath, engine });
  const { body } = await later.call("GET", "/sandboxes/again", undefined, {
    "x-blaxel-authorization": `Bearer ${apiKey}`,
  });
  const { events } = body as { events: { type: string; status: string; message: string; time: string }[] };
  expect(events.filter(({ type }) => type === "restarted")).toMatchObject([
    { status: "DEPLOYED", time: "2023-11-14T22:13:20.000Z", message: expect.stringContaining("machine") },
  ]);
});
