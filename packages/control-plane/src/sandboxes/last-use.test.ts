import { expect, test } from "bun:test";
import type { SandboxId } from "@dormouse/schema";
import { MemoryLife } from "../../testkit/memory-life.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";
import { LastUse } from "./last-use.ts";

const CREATED_MS = 1_000_000;

async function startUsed() {
  const time = { nowMs: CREATED_MS };
  const server = await startServer({ clock: () => time.nowMs });
  await server.create("used");
  const id = server.engine.specs[0]?.id as SandboxId;
  server.life.usedAtMs.set(id, CREATED_MS);
  await server.deps.lastUse.write();
  return { server, time, id };
}

const storedMs = async ({ deps }: TestServer, id: SandboxId): Promise<number | undefined> =>
  (await deps.store.sandboxes.findById(id))?.lastUsedAtMs;

test("F011 lastUsedAt is the creation until the first use, then what the life says", async () => {
  const { server, time, id } = await startUsed();
  await using _ = server;
  time.nowMs += 5_000;
  const lastUsedAt = async () => (await server.call("GET", "/sandboxes/used")).body as { lastUsedAt: string };
  expect(await lastUsedAt()).toMatchObject({ lastUsedAt: new Date(CREATED_MS).toISOString() });
  server.life.usedAtMs.set(id, CREATED_MS + 3_000);
  expect(await lastUsedAt()).toMatchObject({ lastUsedAt: new Date(CREATED_MS + 3_000).toISOString() });
});

test("an awake sandbox is vouched for a minute ahead, one asleep is stored exactly", async () => {
  const { server, time, id } = await startUsed();
  await using _ = server;
  expect(await storedMs(server, id)).toBe(CREATED_MS + 60_000);
  server.life.usedAtMs.set(id, CREATED_MS + 7_000);
  server.life.track({ id, address: "10.0.0.2", state: "asleep" });
  server.deps.lastUse.note(id);
  time.nowMs += 9_000;
  await server.deps.lastUse.write();
  expect(await storedMs(server, id)).toBe(CREATED_MS + 7_000);
});

test("at the end of the server the exact times are stored", async () => {
  const { server, id } = await startUsed();
  await using _ = server;
  server.life.usedAtMs.set(id, CREATED_MS + 4_321);
  await server.deps.lastUse[Symbol.asyncDispose]();
  expect(await storedMs(server, id)).toBe(CREATED_MS + 4_321);
});

test("after a restart the stored time counts until the sandbox is used, and never lies ahead", async () => {
  const { server, id } = await startUsed();
  await using _ = server;
  const life = new MemoryLife();
  life.track({ id, address: "10.0.0.2", state: "asleep" });
  // A life counts from when it was told of the sandbox.
  life.usedAtMs.set(id, CREATED_MS + 20_000);
  await using lastUse = new LastUse({ store: server.deps.store, life, clock: () => CREATED_MS + 20_000 });
  const record = await server.deps.store.sandboxes.findById(id);
  if (record === undefined) throw new Error("the sandbox is gone");
  lastUse.restore({ ...record, lastUsedAtMs: CREATED_MS + 1_000 });
  expect(lastUse.atMs(record)).toBe(CREATED_MS + 1_000);
  lastUse.restore(record);
  expect(lastUse.atMs(record)).toBe(CREATED_MS + 20_000);
  life.usedAtMs.set(id, CREATED_MS + 30_000);
  expect(lastUse.atMs(record)).toBe(CREATED_MS + 30_000);
});
