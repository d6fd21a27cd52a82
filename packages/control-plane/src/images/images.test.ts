import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { ImageName } from "@dormouse/schema";
import { HUB, pushVersion } from "../../testkit/images.ts";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { startServer, WORKSPACE, type TestServer } from "../../testkit/server.ts";
import { recover } from "../sandboxes/recover.ts";
import { beginImage, publishImage, setImageStatus } from "./push-progress.ts";

const PLACE = { workspace: WORKSPACE, name: ImageName.parse("tools") };

const from = (server: TestServer, image: string, name: string) => server.create(name, { runtime: { image } });

const read = (server: TestServer, path = "sandbox/tools") => server.call("GET", `/images/${path}`);

test("F088 F089 F081 an image is there from its first push on, with every version, the newest last", async () => {
  let nowMs = Date.parse("2030-01-01T00:00:00Z");
  await using server = await startServer({ clock: () => (nowMs += 1000) });
  expect((await server.call("GET", "/images")).body).toEqual([]);
  await beginImage(server.deps, { ...PLACE, status: "UPLOADING", message: "Waits for the upload", actor: "me" });
  expect(await read(server)).toMatchObject({
    status: 200,
    body: { metadata: { status: "UPLOADING" }, spec: { size: 0, tags: [] } },
  });
  const [first, second] = [await pushVersion(server, "tools"), await pushVersion(server, "tools")];
  expect(first.reference).toMatch(/^sandbox\/tools:[a-z0-9]{12}$/);
  const answer = await read(server);
  expect(answer.body).toMatchObject({
    metadata: {
      name: "tools",
      resourceType: "sandbox",
      displayName: "default/tools",
      workspace: "default",
      status: "BUILT",
      events: ["UPLOADING", "UPLOADING", "BUILT", "UPLOADING", "BUILT"].map((status) => ({ status })),
    },
    spec: { size: 2000, tags: [first, second].map(({ tag }) => ({ name: tag, size: 1000 })) },
  });
  expect(answer.body).not.toHaveProperty("metadata.sourceWorkspace");
  expect((await read(server, "sandboxes/tools")).body).toEqual(answer.body);
  expect((await server.call("GET", "/images")).body).toEqual([answer.body]);
  expect((await read(server, `sandbox/tools:${first.tag}`)).body).toMatchObject({
    spec: { tags: [{ name: first.tag }] },
  });
  await setImageStatus(server.deps, { ...PLACE, status: "FAILED", message: '"RUN false" exited with 1' });
  expect((await read(server)).body).toMatchObject({ metadata: { status: "FAILED" }, spec: { size: 2000 } });
  for (const path of ["sandbox/none", "job/tools", "sandbox/tools:none", "sandbox/tools:a:b"]) {
    expect({ path, answer: await read(server, path) }).toMatchObject({ path, answer: { status: 404 } });
  }
});

test("F026 a reference leads to a public image, an own one, or the one before the other", async () => {
  await using server = await startServer();
  const [old, newest] = [await pushVersion(server, "tools"), await pushVersion(server, "tools")];
  const own = await pushVersion(server, "nextjs");
  const leadsTo: Record<string, string> = {
    tools: `@${newest.id}`,
    "tools:latest": `@${newest.id}`,
    "sandbox/tools": `@${newest.id}`,
    [old.reference]: `@${old.id}`,
    [`tools:${old.tag}`]: `@${old.id}`,
    nextjs: `@${own.id}`,
    "blaxel/nextjs": "blaxel/nextjs",
    "base-image:latest": "base-image:latest",
  };
  for (const [index, [image, engineImage]] of Object.entries(leadsTo).entries()) {
    expect(await from(server, image, `box-${index}`)).toMatchObject({
      status: 200,
      body: { spec: { runtime: { image } } },
    });
    expect({ image, engineImage: server.engine.specs.at(-1)?.image }).toEqual({ image, engineImage });
  }
});

test("F026 an image that cannot be used is refused with those that can, and nothing is given up for it", async () => {
  await using server = await startServer();
  await pushVersion(server, "tools");
  await beginImage(server.deps, { ...PLACE, name: ImageName.parse("new"), status: "BUILDING", message: "" });
  const supported = ["base-image:latest", "nextjs:latest", "sandbox/tools:latest"];
  const states: Record<string, string> = {
    "sandbox/base-image": 'neither this machine nor workspace "default" has it',
    "blaxel/tools": 'neither this machine nor workspace "default" has it',
    nowhere: 'neither this machine nor workspace "default" has it',
    "library/nginx": 'neither this machine nor workspace "default" has it',
    "sandbox/tools:v9": 'it has no version "v9"',
    "sandbox/new": "it is being built",
  };
  await server.create("kept");
  for (const [image, state] of Object.entries(states)) {
    expect(await from(server, image, "box")).toMatchObject({
      status: 400,
      body: {
        code: "INVALID_IMAGE",
        message: expect.stringContaining(`Cannot use image "${image}": ${state}`),
        details: { requested_image: image, supported_images: supported },
      },
    });
    const change = { spec: { runtime: { image } } };
    expect(await server.call("PUT", "/sandboxes/kept", change)).toMatchObject({ status: 400 });
  }
  expect(await server.call("GET", "/sandboxes/kept")).toMatchObject({ body: { status: "DEPLOYED" } });
  expect(await server.call("GET", "/sandboxes/box")).toMatchObject({ status: 404 });
});

test("a public image that is not built here is refused with how to build it", async () => {
  await using server = await startServer({ hub: HUB });
  const sentence = expect.stringContaining('Build it on the host with "dormouse image build rust". Available images: ');
  for (const image of ["blaxel/rust", "blaxel/rust:latest", "rust"]) {
    expect(await from(server, image, "box")).toMatchObject({ status: 400, body: { message: sentence } });
  }
  expect(await from(server, "sandbox/rust", "box")).toMatchObject({
    body: { message: expect.not.stringContaining("Build it") },
  });
});

test("a sandbox stays with the version it was created with until it is given another image", async () => {
  let nowMs = Date.parse("2030-01-01T00:00:00Z");
  await using server = await startServer({ clock: () => nowMs });
  const first = await pushVersion(server, "tools");
  await from(server, "tools", "box");
  nowMs += 60_000;
  const second = await pushVersion(server, "tools");
  const update = async (runtime: unknown): Promise<string | undefined> => {
    const { body } = await server.call("GET", "/sandboxes/box");
    const { metadata, spec } = body as { metadata: object; spec: { runtime: object } };
    const wanted = { metadata, spec: { ...spec, runtime: { ...spec.runtime, ...(runtime as object) } } };
    expect(await server.call("PUT", "/sandboxes/box", wanted)).toMatchObject({ status: 200 });
    return server.engine.specs.at(-1)?.image;
  };
  expect(await update({ memory: 512 })).toBe(`@${first.id}`);
  expect(await update({ image: "sandbox/tools" })).toBe(`@${second.id}`);
  expect(await update({ image: "blaxel/base-image" })).toBe("blaxel/base-image");
  expect(await update({ image: first.reference })).toBe(`@${first.id}`);
  expect((await read(server)).body).toMatchObject({ metadata: { lastDeployedAt: "2030-01-01T00:01:00.000Z" } });
  // What a bare name led to at the beginning counts, not what it leads to now.
  expect(await update({ image: "nextjs" })).toBe("nextjs");
  await pushVersion(server, "nextjs");
  expect(await update({ memory: 1024 })).toBe("nextjs");
});

test("F088 what a sandbox uses is not deleted, version by version or whole", async () => {
  await using server = await startServer();
  const [first, second] = [await pushVersion(server, "tools"), await pushVersion(server, "tools")];
  await from(server, first.reference, "box");
  const remove = (path: string) => server.call("DELETE", `/images/sandbox/tools${path}`);
  for (const path of ["", `:${first.tag}`, `/tags/${first.tag}`]) {
    expect(await remove(path)).toMatchObject({
      status: 400,
      body: { error: "IMAGE_IN_USE", message: expect.stringContaining('sandbox "box" uses it') },
    });
  }
  expect(await remove("/tags/latest")).toMatchObject({ status: 200, body: { spec: { tags: [{ name: first.tag }] } } });
  expect(server.engine.builds.ids()).toEqual([first.id]);
  expect(await remove(`:${second.tag}`)).toMatchObject({ status: 404 });
  await server.call("DELETE", "/sandboxes/box");
  expect(await remove(`:${first.tag}`)).toMatchObject({ status: 200, body: { spec: { tags: [] } } });
  expect(await read(server)).toMatchObject({ status: 404 });
  expect(server.engine.builds.ids()).toEqual([]);
});

test("an image that was deleted while it was built does not come back", async () => {
  await using server = await startServer();
  const { id } = await pushVersion(server, "tools");
  await server.call("DELETE", "/images/sandbox/tools");
  expect(await setImageStatus(server.deps, { ...PLACE, status: "BUILDING", message: "" })).toBeUndefined();
  const published = await publishImage(server.deps, { ...PLACE, imageId: id, sizeBytes: 1 }).catch((error) => error);
  expect(published).toMatchObject({ code: "IMAGE_NOT_FOUND" });
  expect(await read(server)).toMatchObject({ status: 404 });
});

test("F088 a clean-up deletes what no sandbox uses and nobody builds, and has the engine free the space", async () => {
  let collections = 0;
  class CountingEngine extends MemoryEngine {
    override async collectImages() {
      collections += 1;
      return super.collectImages();
    }
  }
  await using server = await startServer({ engine: new CountingEngine() });
  const kept = await pushVersion(server, "used");
  for (const name of ["tools", "tools", "other"]) await pushVersion(server, name);
  await beginImage(server.deps, { ...PLACE, name: ImageName.parse("new"), status: "BUILDING", message: "" });
  await from(server, "used", "box");
  expect(await server.call("DELETE", "/images")).toEqual({
    status: 200,
    headers: expect.anything(),
    body: { deleted: 2, message: "2 images that no sandbox uses deleted" },
  });
  expect(server.engine.builds.ids()).toEqual([kept.id]);
  expect(collections).toBe(1);
  const { body } = await server.call("GET", "/images");
  expect(body).toMatchObject([{ metadata: { name: "new" } }, { metadata: { name: "used" } }]);
});

test("what the engine could not remove is removed at the next start", async () => {
  class BusyEngine extends MemoryEngine {
    isBusy = true;
    override async removeImage(...call: Parameters<MemoryEngine["removeImage"]>) {
      if (this.isBusy) throw new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine");
      return super.removeImage(...call);
    }
  }
  const engine = new BusyEngine();
  await using server = await startServer({ engine });
  const { id } = await pushVersion(server, "tools");
  expect(await server.call("DELETE", "/images/sandbox/tools")).toMatchObject({ status: 200 });
  expect(server.logged).toContainEqual(expect.objectContaining({ event: "image.erase", code: "ENGINE_UNAVAILABLE" }));
  expect(engine.builds.ids()).toEqual([id]);
  engine.isBusy = false;
  await recover(server.deps);
  expect(engine.builds.ids()).toEqual([]);
  expect(await server.deps.store.images.removals()).toEqual([]);
});

test("a version is pushed to a registry, the newest unless another one is named", async () => {
  await using server = await startServer();
  const [first, second] = [await pushVersion(server, "tools"), await pushVersion(server, "tools")];
  const reference = "registry.example.com/team/tools:1";
  const credentials = { "registry.example.com": { username: "me", password: "very-secret" } };
  const push = (name: string) => server.call("POST", `/images/sandbox/${name}/push`, { reference, credentials });
  const digest = `sha256:${reference}`;
  expect(await push("tools")).toMatchObject({ status: 200, body: { image: second.reference, reference, digest } });
  expect(await push(`tools:${first.tag}`)).toMatchObject({ status: 200, body: { image: first.reference } });
  expect(await push("none")).toMatchObject({ status: 404 });
  expect(JSON.stringify(server.logged)).not.toContain("very-secret");
});

test("the hub shows what there are recipes of, and what is not built as coming soon", async () => {
  await using server = await startServer({ hub: HUB });
  const shown = {
    displayName: "App",
    description: "It shows an app",
    memory: 512,
    ports: [{ name: "dev", target: 3000, protocol: "HTTP" }],
    categories: [{ name: "Web" }],
    tags: "a,b",
    hidden: false,
    enterprise: false,
  };
  expect((await server.call("GET", "/sandbox/hub")).body).toEqual([
    { ...shown, name: "nextjs", image: "blaxel/nextjs:latest", coming_soon: false },
    { ...shown, name: "rust", image: "blaxel/rust:latest", coming_soon: true },
  ]);
  expect((await server.call("GET", "/templates")).body).toEqual([]);
});
