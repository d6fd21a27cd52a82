import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineImageId } from "@dormouse/schema";
import { failure, ImageTools, newImageId, newSpec, runInside, useEngine } from "../../testkit/index.ts";
import { importImage } from "./import.ts";
import { importOciLayout } from "./import-layout.ts";

const suite = useEngine({ warmPool: { "kept-warm:latest": 1 } });
let tools: ImageTools;
const images = (...path: string[]): string => join(suite.data.dir, "images", ...path);
const layers = (): string[] => readdirSync(images("layers")).toSorted();

beforeAll(async () => {
  tools = await ImageTools.open(suite.data.dir);
});
afterAll(async () => {
  await tools[Symbol.asyncDispose]();
});

const SHELL = { name: "bin/sh", content: Buffer.from(await Bun.file("/bin/busybox").arrayBuffer()), mode: 0o755 };

/** An image of a shell and a file that says which it is; from another process than the engine, which therefore has to wait. */
async function bringImage(word: string) {
  using _ = tools.deps.images.lockShared();
  const layout = [[SHELL], [{ name: "word", content: word }]].map((entries) => ({ tarFile: tools.tar(entries) }));
  return await importOciLayout(tools.deps, { layoutDir: await tools.layout({ layers: layout }), id: newImageId() });
}

/** From another process than the engine, too. */
function forget(id: EngineImageId): void {
  using _ = tools.deps.images.lockShared();
  tools.deps.images.remove(id);
}

/** The same as a public image: a later one takes the name of an earlier. */
async function tagImage(name: string, word: string): Promise<string> {
  const rootDir = tools.folder();
  mkdirSync(join(rootDir, "bin"));
  await Bun.$`cp /bin/busybox ${rootDir}/bin/sh`.quiet();
  writeFileSync(join(rootDir, "word"), word);
  const digest = `test-${name}-${word}`;
  const config = { entrypoint: [], cmd: [], env: { WORD: word }, workingDir: "/", user: "" };
  await importImage({ imagesDir: images(), name, tag: "latest", layers: [{ digest, rootDir }], config });
  return digest;
}

const READ = "echo $(/bin/sh -c 'cat /word') $WORD";
const wordIn = async (image: string): Promise<string> => {
  const sandbox = await suite.port.create(newSpec({ image }));
  const { stdout } = await runInside(sandbox, READ);
  await suite.port.remove(sandbox.id);
  return stdout.trim();
};

/** Everything inside dies; the next call starts it again. */
async function killAllInside(id: Parameters<typeof suite.port.wake>[0]): Promise<void> {
  const { initPid } = (await Bun.file(join(suite.data.dir, "sandboxes", id, "run.json")).json()) as { initPid: number };
  process.kill(initPid, "SIGKILL");
  while (existsSync(`/proc/${initPid}`)) await Bun.sleep(1);
}

test("a sandbox keeps the image it was created with, whatever has its name later, over restarts of all kinds", async () => {
  const old = await tagImage("changing", "old");
  const sandbox = await suite.port.create(newSpec({ image: "changing" }));
  expect((await runInside(sandbox, READ)).stdout).toBe("old old\n");
  const renewed = await tagImage("changing", "new");
  expect(await wordIn("changing")).toBe("new new");
  await suite.port.collectImages();
  expect(layers()).toContain(old);
  await killAllInside(sandbox.id);
  await suite.port.collectImages();
  expect((await runInside(await suite.port.wake(sandbox.id), READ)).stdout).toBe("old old\n");

  await suite.engine.kill();
  suite.engine = await suite.data.start();
  await suite.port.collectImages();
  await killAllInside(sandbox.id);
  expect((await runInside(await suite.port.wake(sandbox.id), READ)).stdout).toBe("old old\n");
  await suite.port.remove(sandbox.id);
  const { layerCount, freedBytes } = await suite.port.collectImages();
  expect(layerCount).toBe(1);
  expect(freedBytes).toBeGreaterThan(100_000);
  expect(layers()).not.toContain(old);
  expect(layers()).toContain(renewed);
}, 60_000);

test("an image that is forgotten leaves its layers to the sandboxes that run from it, and no others", async () => {
  const [one, other] = [await bringImage("one"), await bringImage("other")];
  expect(one.layers[1]).toBe(other.layers[1] ?? "");
  const sandbox = await suite.port.create(newSpec({ image: `@${one.id}` }));
  for (const { id } of [one, other]) forget(id);
  await suite.port.collectImages();
  expect(layers()).toContain(one.layers[0] ?? "");
  expect(layers()).not.toContain(other.layers[0] ?? "");
  await killAllInside(sandbox.id);
  expect((await runInside(await suite.port.wake(sandbox.id), READ)).stdout).toBe("one\n");
  const refused = await failure(suite.port.create(newSpec({ image: `@${one.id}` })));
  expect(refused).toMatchObject({ code: "INVALID_IMAGE", message: expect.stringContaining(one.id) });
  await suite.port.remove(sandbox.id);
  await suite.port.collectImages();
  for (const layer of one.layers) expect(layers()).not.toContain(layer);
  const mounts = await Bun.file(`/proc/${process.pid}/mounts`).text();
  expect(mounts).not.toContain(suite.data.dir);
});

test("creates and clean-ups at the same time get in nobody's way", async () => {
  const kept = await bringImage("kept");
  const creating = Array.from({ length: 8 }, async (_, index) => {
    const image = await bringImage(`image-${index}`);
    const sandbox = await suite.port.create(newSpec({ image: `@${image.id}` }));
    forget(image.id);
    const { stdout } = await runInside(sandbox, READ);
    await suite.port.remove(sandbox.id);
    return stdout;
  });
  const done = new AbortController();
  const cleaning = (async () => {
    while (!done.signal.aborted) await suite.port.collectImages();
  })();
  const words = await Promise.all(creating);
  done.abort();
  await cleaning;
  expect(words).toEqual(words.map((_, index) => `image-${index}\n`));
  await suite.port.collectImages();
  expect(await wordIn(`@${kept.id}`)).toBe("kept");
}, 60_000);
