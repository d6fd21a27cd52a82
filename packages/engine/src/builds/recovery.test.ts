import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { FaultPoint } from "@dormouse/kernel";
import { EngineImageId, EngineImageRequest } from "@dormouse/schema";
import { contextOf, newImageId, newSpec, runInside, useBuilds } from "../../testkit/index.ts";

const suite = useBuilds();

const IMMEDIATE = { Dockerfile: "FROM busybox\nRUN echo made > /made\n" };
const ENDLESS = { Dockerfile: "FROM busybox\nRUN sleep 3158\n" };
const REQUEST = EngineImageRequest.parse({ source: { kind: "context" }, cacheScope: "tests" });

async function restart(faultPoint?: FaultPoint): Promise<void> {
  const { engine, engineOptions } = suite;
  engine.engine = await engine.data.start({ ...engineOptions, ...(faultPoint !== undefined && { faultPoint }) });
}

/** Nothing of a build runs, is mounted or has a group, and only records lie about. */
async function expectNothingLeft(): Promise<void> {
  const traces = await suite.engine.traces();
  expect(traces.filter((trace) => /loop|build-|process/.test(trace))).toEqual([]);
  const dir = join(suite.engine.data.dir, "builds");
  const files = readdirSync(dir, { recursive: true })
    .map(String)
    .filter((path) => path.includes("/"));
  expect(files.filter((path) => !/\/(state\.json|log)$/.test(path))).toEqual([]);
}

test("after a kill -9 what is finished stays so, and what was not has failed and can be built again", async () => {
  const done = await suite.build(IMMEDIATE);
  const running = await suite.begin(ENDLESS);
  const waiting = await suite.begin(ENDLESS);
  await suite.untilSaid(running, "RUN sleep");
  await suite.engine.engine.kill();
  await restart();
  const { port } = suite.engine;
  expect(await port.image(done.id)).toEqual(done.state);
  for (const id of [running, waiting]) {
    expect(await port.waitForImage(id)).toMatchObject({ status: "failed", failure: { code: "BUILD_INTERRUPTED" } });
  }
  expect(await suite.logOf(running)).toContain("RUN sleep");
  await expectNothingLeft();
  const sandbox = await port.create(newSpec({ image: `@${done.id}` }));
  expect((await runInside(sandbox, "cat /made")).stdout).toBe("made\n");
  await port.remove(sandbox.id);
  const again = await suite.build(IMMEDIATE);
  expect(again.state.status).toBe("ready");
  expect(again.log).toContain("Using cache");
});

test("an engine that is stopped interrupts its builds", async () => {
  const running = await suite.begin(ENDLESS);
  await suite.untilSaid(running, "RUN sleep");
  await suite.engine.engine.stop();
  await restart();
  expect((await suite.engine.port.image(running)).failure?.code).toBe("BUILD_INTERRUPTED");
  await expectNothingLeft();
});

test.each<FaultPoint>(["engine.build.queued", "engine.build.begun", "engine.build.stored"])(
  "an engine that ends at %s leaves a build that has failed, and nothing else",
  async (faultPoint) => {
    await suite.engine.engine.stop();
    await restart(faultPoint);
    const id = newImageId();
    await suite.engine.port.buildImage(id, REQUEST, contextOf(IMMEDIATE)).catch(() => undefined);
    await suite.engine.engine.untilEnded();
    await restart();
    expect((await suite.engine.port.image(id)).failure?.code).toBe("BUILD_INTERRUPTED");
    expect(readdirSync(join(suite.engine.data.dir, "images/ids"))).not.toContain(`${id}.json`);
    await expectNothingLeft();
    await suite.engine.port.removeImage(id);
    expect(readdirSync(join(suite.engine.data.dir, "builds"))).not.toContain(String(EngineImageId.parse(id)));
  },
);

test("an upload that is cut off leaves nothing", async () => {
  const id = newImageId();
  const body = contextOf(IMMEDIATE).pipeThrough(
    new TransformStream({ transform: (_chunk, controller) => controller.error(new Error("cut off")) }),
  );
  await suite.engine.port.buildImage(id, REQUEST, body).catch(() => undefined);
  expect((await suite.build(IMMEDIATE)).state.status).toBe("ready");
  expect(readdirSync(join(suite.engine.data.dir, "builds"))).not.toContain(String(id));
});

test("a clean-up erases the caches of scopes without an image", async () => {
  const caches = (): string[] => readdirSync(join(suite.engine.data.dir, "build-caches")).toSorted();
  const { id } = await suite.build(IMMEDIATE, { cacheScope: "kept" });
  const other = await suite.build(IMMEDIATE, { cacheScope: "gone" });
  await suite.engine.port.removeImage(other.id);
  const { freedBytes } = await suite.engine.port.collectImages();
  expect(freedBytes).toBeGreaterThan(1_000_000);
  expect(caches().filter((name) => name.startsWith("gone"))).toEqual([]);
  expect(caches()).toContain("kept.img");
  await suite.engine.port.removeImage(id);
});
