import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { startServer } from "../../testkit/server.ts";

test("a deletion answers DELETING, frees the name at once, and a second one is 404", async () => {
  await using server = await startServer();
  await server.create("gone");
  expect(await server.call("DELETE", "/sandboxes/gone")).toMatchObject({ status: 200, body: { status: "DELETING" } });
  expect(await server.call("GET", "/sandboxes/gone")).toMatchObject({ status: 404, body: { code: 404 } });
  expect(await server.call("DELETE", "/sandboxes/gone")).toMatchObject({ status: 404, body: { code: 404 } });
  expect(await server.engine.list()).toEqual([]);
  expect(await server.create("gone")).toMatchObject({ status: 200 });
});

test("previews and tokens go with the sandbox, also for one of the same name later", async () => {
  await using server = await startServer();
  await server.create("host");
  const preview = { metadata: { name: "web" }, spec: { port: 3000 } };
  await server.call("POST", "/sandboxes/host/previews", preview);
  const { body } = await server.call("POST", "/sandboxes/host/previews/web/tokens", {});
  const { token } = (body as { spec: { token: string } }).spec;
  await server.call("DELETE", "/sandboxes/host");
  await server.create("host");
  expect(await server.call("GET", "/sandboxes/host/previews")).toMatchObject({ body: [] });
  const again = await server.call("POST", "/sandboxes/host/previews", preview);
  const { url } = (again.body as { spec: { url: string } }).spec;
  const previewId = new URL(url).hostname.split(".")[0] ?? "";
  expect(server.deps.directory.findPreview(previewId)).toMatchObject({ port: 3000 });
  expect(server.deps.directory.findPreviewToken(previewId, token)).toBeUndefined();
});

test("a sandbox is out of the directory and forgotten before the engine removes it", async () => {
  const engine = new MemoryEngine();
  await using server = await startServer({ engine });
  await server.create("leaving");
  const seen: unknown[] = [];
  engine.beforeRemove = async () => {
    seen.push(server.deps.directory.findSandbox("default", "leaving"), server.life.tracked.size);
    const { body } = await server.call("GET", "/sandboxes/leaving");
    seen.push((body as { status: string }).status);
    const preview = { metadata: { name: "late" }, spec: { port: 3000 } };
    seen.push((await server.call("POST", "/sandboxes/leaving/previews", preview)).status);
  };
  await server.call("DELETE", "/sandboxes/leaving");
  expect(seen).toEqual([undefined, 0, "DELETING", 404]);
});

test("concurrent deletions are one", async () => {
  await using server = await startServer();
  await server.create("twice");
  const answers = await Promise.all([
    server.call("DELETE", "/sandboxes/twice"),
    server.call("DELETE", "/sandboxes/twice"),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});

test("a deletion that fails can be repeated", async () => {
  const engine = new MemoryEngine();
  await using server = await startServer({ engine });
  await server.create("stubborn");
  engine.beforeRemove = () => Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine"));
  expect(await server.call("DELETE", "/sandboxes/stubborn")).toMatchObject({ status: 503, body: { code: 503 } });
  expect(await server.call("GET", "/sandboxes/stubborn")).toMatchObject({ body: { status: "DELETING" } });
  engine.beforeRemove = () => Promise.resolve();
  expect(await server.call("DELETE", "/sandboxes/stubborn")).toMatchObject({ status: 200 });
  expect(await server.call("GET", "/sandboxes/stubborn")).toMatchObject({ status: 404 });
});

test("a sandbox deleted while it starts does not come back, and its name can be taken meanwhile", async () => {
  const engine = new MemoryEngine();
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  engine.beforeCreate = () => {
    entered.resolve();
    return gate.promise;
  };
  await using server = await startServer({ engine });
  const creation = server.create("fleeting");
  await entered.promise;
  expect(await server.call("GET", "/sandboxes/fleeting")).toMatchObject({ body: { status: "DEPLOYING" } });
  expect(server.deps.directory.findSandbox("default", "fleeting")).toBeUndefined();
  expect(await server.call("DELETE", "/sandboxes/fleeting")).toMatchObject({ status: 200 });
  engine.beforeCreate = () => Promise.resolve();
  expect(await server.create("fleeting")).toMatchObject({ status: 200 });
  gate.resolve();
  expect(await creation).toMatchObject({ status: 409, body: { code: "SANDBOX_STATE_CONFLICT" } });
  const [, second] = engine.specs;
  expect((await engine.list()).map(({ id }) => id)).toEqual([second?.id as never]);
  expect(await server.call("GET", "/sandboxes/fleeting")).toMatchObject({ body: { status: "DEPLOYED" } });
});

test("createIfNotExist waits for a deletion under way and creates afterwards", async () => {
  const engine = new MemoryEngine();
  await using server = await startServer({ engine });
  await server.create("reborn");
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  engine.beforeRemove = () => {
    entered.resolve();
    return gate.promise;
  };
  const deletion = server.call("DELETE", "/sandboxes/reborn");
  await entered.promise;
  const creation = server.call("POST", "/sandboxes?createIfNotExist=true", { metadata: { name: "reborn" } });
  gate.resolve();
  expect(await deletion).toMatchObject({ status: 200 });
  expect(await creation).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
  expect(engine.specs).toHaveLength(2);
});
