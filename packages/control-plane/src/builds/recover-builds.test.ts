import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { BuildStatus } from "@dormouse/schema";
import { startBuildBench, type BuildBench } from "../../testkit/builds.ts";
import { MemoryEngine } from "../../testkit/memory-engine.ts";

/* What a server that died has left: the store as it was, and the engine that went on. */

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dormouse-builds-"));
});

afterEach(() => rm(folder, { recursive: true }));

const start = (engine: MemoryEngine): Promise<BuildBench> =>
  startBuildBench({ engine, sqlitePath: join(folder, "records.sqlite") });

/** As the record of a server that died at some step. */
async function setBack(bench: BuildBench, status: BuildStatus): Promise<void> {
  const { store } = bench.server.deps;
  for (const { id, status: from } of await store.builds.all()) await store.builds.change(id, [from], { status });
}

test("an address goes on waiting for its upload", async () => {
  const engine = new MemoryEngine();
  let begun;
  {
    await using bench = await start(engine);
    begun = await bench.begin("box");
  }
  await using bench = await start(engine);
  expect(await bench.read("box")).toMatchObject({ status: "UPLOADING" });
  expect(await bench.upload(begun)).toMatchObject({ status: 200 });
  await bench.finish();
  expect(await bench.stored("box")).toMatchObject({ status: "DEPLOYED" });
});

test("an upload that the engine has not got has failed, and says so", async () => {
  const engine = new MemoryEngine();
  {
    await using bench = await start(engine);
    await bench.begin("box");
    await bench.beginImage("tools");
    await setBack(bench, "RECEIVING");
  }
  await using bench = await start(engine);
  const sentence = expect.stringContaining("server was stopped");
  expect(await bench.read("box")).toMatchObject({ status: "FAILED", errors: [{ message: sentence }] });
  const { metadata } = await bench.readImage("tools");
  expect(metadata).toMatchObject({ status: "FAILED" });
  expect(metadata.events.at(-1)).toMatchObject({ message: sentence });
});

test.each<BuildStatus>(["RECEIVING", "BUILDING"])("a build that the engine has, and is %s, goes on", async (status) => {
  const engine = new MemoryEngine();
  {
    await using bench = await start(engine);
    await bench.upload(await bench.begin("box"));
    await setBack(bench, status);
  }
  await using bench = await start(engine);
  expect(await bench.read("box")).toMatchObject({ status: "BUILDING" });
  await bench.finish();
  expect(await bench.stored("box")).toMatchObject({ status: "DEPLOYED" });
});

test.each<BuildStatus>(["PUBLISHING", "DEPLOYING"])(
  "a build that was %s gets one name, and its sandbox starts",
  async (status) => {
    const engine = new MemoryEngine();
    {
      await using bench = await start(engine);
      const create = engine.create.bind(engine);
      engine.create = () => Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine"));
      await bench.upload(await bench.begin("box"));
      await bench.finish();
      engine.create = create;
      const { store } = bench.server.deps;
      const sandbox = await bench.stored("box");
      if (sandbox === undefined) throw new Error("no sandbox");
      await store.sandboxes.change(sandbox.id, "FAILED", { status: "DEPLOYING", updatedAtMs: 1 });
      await setBack(bench, status);
    }
    await using bench = await start(engine);
    await bench.untilEnded(bench.lastId);
    expect(await bench.stored("box")).toMatchObject({ status: "DEPLOYED", engineImageId: bench.lastId });
    expect((await bench.readImage("box")).spec.tags).toHaveLength(1);
  },
);

test("a sandbox that was being started anew from its new image is, and one that was already stays as it is", async () => {
  const engine = new MemoryEngine();
  {
    await using bench = await start(engine);
    await bench.server.create("box");
    await bench.upload(await bench.begin("box", {}, "PUT"));
    await bench.finish();
    await setBack(bench, "DEPLOYING");
  }
  const starts = engine.specs.length;
  {
    await using bench = await start(engine);
    await bench.untilEnded(bench.lastId);
    expect(engine.specs).toHaveLength(starts);
    const sandbox = await bench.stored("box");
    if (sandbox === undefined) throw new Error("no sandbox");
    await bench.server.deps.store.sandboxes.change(sandbox.id, "DEPLOYED", { status: "DEPLOYING", updatedAtMs: 1 });
    await setBack(bench, "DEPLOYING");
  }
  await using bench = await start(engine);
  await bench.untilEnded(bench.lastId);
  expect(await bench.stored("box")).toMatchObject({ status: "DEPLOYED" });
  expect(engine.specs.length).toBe(starts + 1);
});

test("a sandbox whose build was never begun has failed", async () => {
  const engine = new MemoryEngine();
  {
    await using bench = await start(engine);
    await bench.begin("box");
    const { store } = bench.server.deps;
    for (const { id } of await store.builds.all()) await store.builds.remove(id);
  }
  await using bench = await start(engine);
  expect(await bench.read("box")).toMatchObject({ status: "FAILED", errors: [{ code: "BUILD_FAILED" }] });
});

test("a build is followed again when the engine is back", async () => {
  const engine = new MemoryEngine();
  await using bench = await start(engine);
  const wait = engine.waitForImage.bind(engine);
  let failures = 0;
  engine.waitForImage = (id) => {
    failures += 1;
    if (failures > 1) return wait(id);
    return Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine"));
  };
  await bench.upload(await bench.begin("box"));
  await bench.finish();
  expect(failures).toBe(2);
  expect(await bench.stored("box")).toMatchObject({ status: "DEPLOYED" });
});
