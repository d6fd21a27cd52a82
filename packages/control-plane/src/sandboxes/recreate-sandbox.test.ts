import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { startServer, type TestServer } from "../../testkit/server.ts";

const put = (server: TestServer, runtime: object) => server.call("PUT", "/sandboxes/anew", { spec: { runtime } });

test("F034 another image or memory starts the sandbox anew, with its name, address, environment and previews", async () => {
  await using server = await startServer();
  const envs = [{ name: "KEY", value: "hush-hush", secret: true }];
  await server.create("anew", { runtime: { envs } });
  await server.call("POST", "/sandboxes/anew/previews", { metadata: { name: "web" }, spec: { port: 3000 } });
  const masked = [{ name: "KEY", value: "********", secret: true }];
  const answer = await put(server, { image: "blaxel/nextjs:latest", memory: 2048, envs: masked });
  expect(answer).toMatchObject({
    status: 200,
    body: {
      status: "DEPLOYED",
      metadata: { url: "http://localhost:4000/run/default/sandboxes/anew" },
      spec: { runtime: { image: "blaxel/nextjs:latest", memory: 2048 } },
    },
  });
  expect(answer.body).toHaveProperty(
    "events.2.message",
    "Starts anew: image blaxel/base-image:latest → blaxel/nextjs:latest, memory 4096 → 2048 MB",
  );
  expect(server.engine.specs).toHaveLength(2);
  expect(server.engine.specs[1]).toMatchObject({
    image: "blaxel/nextjs:latest",
    memoryMiB: 2048,
    env: { KEY: "hush-hush" },
  });
  expect(await server.engine.list()).toHaveLength(1);
  expect(await server.call("GET", "/sandboxes/anew/previews")).toMatchObject({ body: [{ metadata: { name: "web" } }] });
  expect(server.deps.directory.findSandbox("default", "anew")).not.toHaveProperty("refusal");
});

test.each([
  ["an unknown image", { image: "sandbox/nowhere:1" }, "INVALID_IMAGE"],
  ["an image that is no image", { image: "no image" }, "INVALID_ARGUMENT"],
  ["too much memory", { memory: 16_385 }, "INVALID_ARGUMENT"],
  ["too little memory", { memory: 1 }, "INVALID_ARGUMENT"],
  [
    "F027 another environment",
    { image: "blaxel/nextjs:latest", envs: [{ name: "A", value: "1" }] },
    "INVALID_ARGUMENT",
  ],
  ["F037 another kernel option", { extraArgs: { tun: "enabled" } }, "INVALID_ARGUMENT"],
])("%s is refused before anything is given up", async (_title, runtime, code) => {
  await using server = await startServer();
  await server.create("anew");
  expect(await put(server, runtime)).toMatchObject({ status: 400, body: { error: code } });
  expect(server.engine.specs).toHaveLength(1);
  const { body } = await server.call("GET", "/sandboxes/anew");
  expect(body).toMatchObject({ status: "DEPLOYED", spec: { runtime: { image: "blaxel/base-image:latest" } } });
});

test("requests that come meanwhile are refused for the moment", async () => {
  await using server = await startServer();
  await server.create("anew");
  server.engine.beforeCreate = () => {
    expect(server.deps.directory.findSandbox("default", "anew")).toMatchObject({ refusal: "starting" });
    return Promise.resolve();
  };
  await put(server, { memory: 2048 });
  expect(server.engine.specs).toHaveLength(2);
  expect(server.deps.directory.findSandbox("default", "anew")).not.toHaveProperty("refusal");
});

test("a host that has no room for it refuses before anything is given up", async () => {
  await using server = await startServer();
  await server.create("anew");
  server.engine.assertRoom = () => Promise.reject(new AppError("HOST_FULL", "Cannot create a sandbox: no memory"));
  expect(await put(server, { memory: 2048 })).toMatchObject({ status: 503, body: { error: "HOST_FULL" } });
  expect(await server.call("GET", "/sandboxes/anew")).toMatchObject({ body: { status: "DEPLOYED" } });
  expect(server.engine.specs).toHaveLength(1);
});

test("F011 a start that fails leaves a FAILED sandbox that says why, and its name to createIfNotExist", async () => {
  await using server = await startServer();
  await server.create("anew");
  server.engine.beforeCreate = () => Promise.reject(new AppError("HOST_FULL", "Cannot start: no memory is left"));
  expect(await put(server, { memory: 2048 })).toMatchObject({ status: 503, body: { error: "HOST_FULL" } });
  const { body } = await server.call("GET", "/sandboxes/anew");
  expect(body).toMatchObject({
    status: "FAILED",
    errors: [{ code: "HOST_FULL", message: "Cannot start: no memory is left", fatal: true }],
  });
  expect(server.deps.directory.findSandbox("default", "anew")).toBeUndefined();
  expect(await put(server, { memory: 1024 })).toMatchObject({ status: 409 });
  server.engine.beforeCreate = () => Promise.resolve();
  const again = await server.call("POST", "/sandboxes?createIfNotExist=true", { metadata: { name: "anew" } });
  expect(again).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
  expect(again.body).not.toHaveProperty("errors");
});

test("a deletion while the sandbox starts anew leaves nothing", async () => {
  await using server = await startServer();
  await server.create("anew");
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  server.engine.beforeCreate = () => {
    entered.resolve();
    return gate.promise;
  };
  const update = put(server, { memory: 2048 });
  await entered.promise;
  expect(await server.call("DELETE", "/sandboxes/anew")).toMatchObject({ status: 200 });
  gate.resolve();
  expect(await update).toMatchObject({ status: 409 });
  expect(await server.engine.list()).toEqual([]);
  expect(await server.deps.store.sandboxes.all()).toEqual([]);
  expect(server.life.tracked.size).toBe(0);
});
