import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { addressIn, startBuildBench } from "../../testkit/builds.ts";
import { addWorkspace, WORKSPACE } from "../../testkit/server.ts";
import { WorkspaceName } from "@dormouse/schema";
import { keepUp } from "../upkeep.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test("F083 F084 F085 an upload becomes an image and a sandbox, and every status on the way can be seen each three seconds", async () => {
  let nowMs = Date.now();
  await using bench = await startBuildBench({ clock: () => nowMs });
  const begun = await bench.begin("box", { runtime: { memory: 2048 }, region: "us-pdx-1" });
  expect(begun.body).toMatchObject({ status: "UPLOADING", metadata: { name: "box" }, spec: { region: "us-pdx-1" } });
  expect(JSON.stringify(begun.body)).not.toContain(addressIn(begun));
  expect(await bench.upload(begun)).toMatchObject({ status: 200 });
  await bench.finish();
  const seen: unknown[] = [];
  for (let count = 0; count < 4; count += 1) {
    seen.push((await bench.read("box")).status);
    nowMs += 3000;
  }
  expect(seen).toEqual(["BUILDING", "DEPLOYING", "DEPLOYED", "DEPLOYED"]);
  const { metadata, spec } = await bench.readImage("box");
  expect(metadata.status).toBe("BUILT");
  const reference = `sandbox/box:${spec.tags[0]?.name}`;
  expect(await bench.read("box")).toMatchObject({ spec: { runtime: { image: reference, memory: 2048 } } });
  expect(bench.server.engine.specs).toMatchObject([{ image: `@${bench.lastId}`, memoryMiB: 2048 }]);
  expect(bench.server.engine.builds.request(bench.lastId)).toMatchObject({
    source: { kind: "context" },
    cacheScope: WORKSPACE,
  });
});

test("a fast build keeps nobody waiting: the sandbox serves, and who asks for it gets it, while the word lags behind", async () => {
  await using bench = await startBuildBench();
  const { status, state } = await bench.deploy("box");
  expect({ status, state }).toEqual({ status: "BUILDING", state: "RUNNING" });
  expect(bench.server.deps.directory.findSandbox(WORKSPACE, "box")?.refusal).toBeUndefined();
  const again = await bench.server.call("POST", "/sandboxes?createIfNotExist=true", { metadata: { name: "box" } });
  expect(again).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
});

test("nobody sees a build that ended long ago", async () => {
  let nowMs = Date.now();
  await using bench = await startBuildBench({ clock: () => nowMs });
  await bench.upload(await bench.begin("box"));
  await bench.finish();
  nowMs += 20_000;
  expect(await bench.read("box")).toMatchObject({ status: "DEPLOYED" });
});

test("F076 F027 a request comes before blaxel.toml, and that before what was there", async () => {
  await using bench = await startBuildBench();
  const toml = `
    name = "box"
    [runtime]
    generation = "mk3"
    memory = 1024
    [[runtime.ports]]
    name = "web"
    target = 3000
    protocol = "tcp"
    [env]
    COLOUR = "green"
    SIZE = 4
  `;
  const envs = [{ name: "COLOUR", value: "red" }];
  await bench.upload(await bench.begin("box", { runtime: { envs } }));
  await bench.finish(bench.lastId, toml);
  const runtime = { memory: 1024, ports: [{ name: "web", target: 3000, protocol: "TCP" }] };
  expect(bench.server.engine.specs.at(-1)).toMatchObject({
    memoryMiB: 1024,
    env: { COLOUR: "red", SIZE: "4", BL_NAME: "box" },
  });
  expect(await bench.read("box")).toMatchObject({ spec: { runtime } });
  await bench.upload(await bench.begin("box", { runtime: { memory: 256 } }, "PUT"));
  await bench.finish(bench.lastId, `[env]\nSHAPE = "round"`);
  expect(bench.server.engine.specs.at(-1)).toMatchObject({ memoryMiB: 256, env: { SHAPE: "round" } });
  expect(bench.server.engine.specs.at(-1)?.env).not.toHaveProperty("COLOUR");
  expect(await bench.read("box")).toMatchObject({ spec: { runtime: { memory: 256, ports: runtime.ports } } });
  const other = await bench.server.create("other", { runtime: { image: "sandbox/box" } });
  expect(other).toMatchObject({ status: 200, body: { spec: { runtime: { memory: 4096 } } } });
  expect(bench.server.engine.specs.at(-1)).toMatchObject({ env: { SHAPE: "round" } });
});

test.each([
  ["is no TOML", "memory = [", "blaxel.toml"],
  ["asks for too little", "[runtime]\nmemory = 1", "memory"],
  ["has a port that is taken", "[[runtime.ports]]\ntarget = 8080", "8080 is reserved"],
  ["has a variable that is none", `[env]\n"A B" = "1"`, "envs"],
])("a blaxel.toml that %s fails the build with what is wrong", async (_title, toml, sentence) => {
  await using bench = await startBuildBench();
  await bench.upload(await bench.begin("box"));
  await bench.finish(bench.lastId, toml);
  expect(await bench.read("box")).toMatchObject({
    status: "FAILED",
    errors: [{ code: "INVALID_ARGUMENT", message: expect.stringContaining(sentence), fatal: true }],
  });
  expect(await bench.server.call("GET", "/images/sandbox/box")).toMatchObject({ status: 404 });
});

test("F085 a build that fails says why, keeps its log, and makes way for the next", async () => {
  await using bench = await startBuildBench();
  await bench.upload(await bench.begin("box"), "first");
  await bench.fail();
  const first = bench.lastId;
  expect(await bench.read("box")).toMatchObject({
    status: "FAILED",
    errors: [{ code: "BUILD_FAILED", message: expect.stringContaining("RUN false"), fatal: true }],
  });
  expect(await bench.text("/sandboxes/box/build-logs")).toContain("RUN false");
  expect(bench.server.deps.directory.findSandbox(WORKSPACE, "box")).toBeUndefined();
  expect(await bench.deploy("box", {}, "PUT")).not.toHaveProperty("errors");
  expect(bench.server.engine.builds.ids()).not.toContain(first);
  expect(await bench.text("/sandboxes/box/build-logs")).not.toContain("RUN false");
});

test("F083 a name that is taken is 409 for POST, told not to be repeated, and found by PUT; an unknown one is 404 for PUT", async () => {
  await using bench = await startBuildBench();
  const missing = await bench.begin("box", {}, "PUT");
  expect(missing).toMatchObject({ status: 404, body: { code: 404 } });
  await bench.begin("box");
  const taken = await bench.begin("box");
  expect(taken).toMatchObject({ status: 409, body: { code: "SANDBOX_ALREADY_EXISTS" } });
  expect(taken.headers.get("x-should-retry")).toBe("false");
  expect(await bench.begin("box", {}, "PUT")).toMatchObject({ status: 200, body: { status: "UPLOADING" } });
});

test("F084 an address works once, for an hour, by PUT alone, and never after a newer one", async () => {
  let nowMs = Date.now();
  await using bench = await startBuildBench({ clock: () => nowMs });
  const first = await bench.begin("box");
  expect(await bench.upload(first, "x", "POST")).toMatchObject({ status: 404, body: { error: "ROUTE_NOT_FOUND" } });
  const second = await bench.begin("box", {}, "PUT");
  expect(await bench.upload(first)).toMatchObject({ status: 403, body: { error: "FORBIDDEN" } });
  expect(await bench.upload(second)).toMatchObject({ status: 200 });
  expect(await bench.upload(second)).toMatchObject({ status: 403 });
  await bench.finish();
  const late = await bench.begin("late");
  nowMs += HOUR_MS;
  expect(await bench.upload(late)).toMatchObject({ status: 403 });
  await keepUp(bench.server.deps);
  expect(await bench.read("late")).toMatchObject({
    status: "FAILED",
    errors: [{ message: expect.stringContaining("not uploaded in time") }],
  });
  const secrets = [addressIn(first), addressIn(second), addressIn(late)].map((url) => url.slice(-43));
  const told = JSON.stringify([bench.server.logged, await bench.server.call("GET", "/audit")]);
  for (const secret of secrets) expect(told).not.toContain(secret);
});

test("an upload that the engine refuses is answered with why, is the build's failure, and leaves nothing on the engine", async () => {
  await using bench = await startBuildBench();
  const refused = await bench.upload(await bench.begin("box"), "broken");
  expect(refused).toMatchObject({ status: 400, body: { message: expect.stringContaining("no ZIP file") } });
  expect(await bench.read("box")).toMatchObject({
    status: "FAILED",
    errors: [{ message: expect.stringContaining("no ZIP file") }],
  });
  bench.server.engine.buildImage = () => Promise.reject(new AppError("HOST_FULL", "Cannot keep it: the disk is full"));
  const full = await bench.upload(await bench.begin("box", {}, "PUT"));
  expect(full).toMatchObject({ status: 503 });
  expect(full.headers.get("retry-after")).toBe("1");
  expect(bench.server.engine.builds.ids()).toEqual([]);
});

test("a rebuild keeps the sandbox serving until its image is there, and then starts it anew with what it had", async () => {
  await using bench = await startBuildBench();
  await bench.server.call("POST", "/volumes", { metadata: { name: "disk" }, spec: { size: 64 } });
  const volumes = [{ name: "disk", mountPath: "/data" }];
  await bench.server.create("box", { runtime: { memory: 512 }, volumes });
  await bench.server.call("POST", "/sandboxes/box/previews", { metadata: { name: "web" }, spec: { port: 3000 } });
  const before = await bench.stored("box");
  const begun = await bench.begin("box", {}, "PUT");
  expect(begun.body).toMatchObject({ status: "UPLOADING", state: "RUNNING" });
  await bench.upload(begun);
  expect(await bench.read("box")).toMatchObject({ status: "BUILDING", state: "RUNNING" });
  expect(bench.server.deps.directory.findSandbox(WORKSPACE, "box")?.refusal).toBeUndefined();
  expect(bench.server.life.tracked.size).toBe(1);
  await bench.finish();
  const after = await bench.stored("box");
  expect(after).toMatchObject({ id: before?.id, status: "DEPLOYED", engineImageId: bench.lastId });
  expect(bench.server.engine.specs.at(-1)).toMatchObject({
    image: `@${bench.lastId}`,
    memoryMiB: 512,
    volumes: [{ mountPath: "/data" }],
  });
  expect(await bench.server.call("GET", "/sandboxes/box/previews")).toMatchObject({ body: [{}] });
});

test("a rebuild that fails loses nothing: its status tells of it, the sandbox goes on, and a later build or a day ends the word", async () => {
  let nowMs = Date.now();
  await using bench = await startBuildBench({ clock: () => nowMs });
  await bench.server.create("box");
  const starts = bench.server.engine.specs.length;
  await bench.upload(await bench.begin("box", { runtime: { memory: 8192 } }, "PUT"));
  await bench.fail();
  expect(await bench.read("box")).toMatchObject({
    status: "FAILED",
    state: "RUNNING",
    errors: [{ code: "BUILD_FAILED", fatal: false }],
    spec: { runtime: { image: "blaxel/base-image:latest", memory: 4096 } },
  });
  expect(bench.server.engine.specs).toHaveLength(starts);
  expect(bench.server.deps.directory.findSandbox(WORKSPACE, "box")?.refusal).toBeUndefined();
  expect(await bench.stored("box")).toMatchObject({ status: "DEPLOYED" });
  const reused = await bench.server.call("POST", "/sandboxes?createIfNotExist=true", { metadata: { name: "box" } });
  expect(reused.status).toBe(200);
  nowMs += DAY_MS;
  await keepUp(bench.server.deps);
  const later = await bench.read("box");
  expect(later.status).toBe("DEPLOYED");
  expect(later).not.toHaveProperty("errors");
  expect(bench.server.engine.builds.ids()).toEqual([]);
});

test("a rebuild whose sandbox was disabled meanwhile keeps both: the sandbox as it is, and the image", async () => {
  await using bench = await startBuildBench();
  await bench.server.create("box");
  await bench.upload(await bench.begin("box", {}, "PUT"));
  await bench.server.call("PUT", "/sandboxes/box", { spec: { enabled: false } });
  await bench.finish();
  expect(await bench.stored("box")).toMatchObject({ status: "DEACTIVATED", engineImageId: undefined });
  expect(await bench.readImage("box")).toMatchObject({ metadata: { status: "BUILT" }, spec: { tags: [{}] } });
  expect(await bench.begin("box", {}, "PUT")).toMatchObject({ status: 409, body: { code: 409 } });
});

test.each(["UPLOADING", "BUILDING"])(
  "deleting a sandbox that is %s ends its build and leaves nothing",
  async (status) => {
    await using bench = await startBuildBench();
    const begun = await bench.begin("box");
    if (status === "BUILDING") await bench.upload(begun);
    expect(await bench.read("box")).toMatchObject({ status });
    expect(await bench.server.call("DELETE", "/sandboxes/box")).toMatchObject({ status: 200 });
    expect(bench.server.engine.builds.ids()).toEqual([]);
    expect(await bench.upload(begun)).toMatchObject({ status: 403 });
    const { store } = bench.server.deps;
    expect([await store.builds.all(), await store.images.removals()]).toEqual([[], []]);
    expect(await bench.server.call("GET", "/sandboxes/box")).toMatchObject({ status: 404 });
    expect(await bench.begin("box")).toMatchObject({ status: 200 });
  },
);

test("deleting a sandbox while its upload comes in refuses the rest of it", async () => {
  await using bench = await startBuildBench();
  const begun = await bench.begin("box");
  const arrived = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { engine } = bench.server;
  const take = engine.buildImage.bind(engine);
  engine.buildImage = async (...parameters) => {
    arrived.resolve();
    await goOn.promise;
    return take(...parameters);
  };
  const uploading = bench.upload(begun);
  await arrived.promise;
  await bench.server.call("DELETE", "/sandboxes/box");
  goOn.resolve();
  expect(await uploading).toMatchObject({ status: 409 });
  expect(engine.builds.ids()).toEqual([]);
});

test("a sandbox that is built serves nobody and does not expire; its limits count from when it is there", async () => {
  let nowMs = Date.now();
  await using bench = await startBuildBench({ clock: () => nowMs });
  const begun = await bench.begin("box", { runtime: { ttl: "5m" } });
  expect(bench.server.deps.directory.findSandbox(WORKSPACE, "box")).toMatchObject({ refusal: "building" });
  await bench.upload(begun);
  nowMs += HOUR_MS;
  bench.server.deps.alarms.check();
  const again = await bench.server.call("POST", "/sandboxes?createIfNotExist=true", { metadata: { name: "box" } });
  expect(again).toMatchObject({ status: 200, body: { status: "BUILDING" } });
  await bench.finish();
  expect(await bench.read("box")).toMatchObject({ expiresIn: 300 });
});

test("volumes are attached when the sandbox starts, and one that is taken by then fails it", async () => {
  await using bench = await startBuildBench();
  const volumes = [{ name: "disk", mountPath: "/data" }];
  expect(await bench.begin("box", { volumes })).toMatchObject({ status: 400 });
  await bench.server.call("POST", "/volumes", { metadata: { name: "disk" }, spec: { size: 64 } });
  await bench.upload(await bench.begin("box", { volumes }));
  await bench.server.create("thief", { volumes });
  await bench.finish();
  expect(await bench.read("box")).toMatchObject({ status: "FAILED", errors: [{ code: "VOLUME_IN_USE" }] });
  await bench.server.call("DELETE", "/sandboxes/thief");
  const built = await bench.server.create("box", { runtime: { image: "sandbox/box" }, volumes });
  expect(built).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
});

test("a workspace has at most 32 builds under way, and who is refused is told when to come back", async () => {
  await using bench = await startBuildBench();
  const { builds } = bench.server.deps;
  builds.countUnderWay = () => 32;
  const refused = await bench.begin("box");
  expect(refused).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
  expect(refused.headers.get("retry-after")).toBe("10");
  expect(await bench.server.call("GET", "/sandboxes/box")).toMatchObject({ status: 404 });
});

test("no other workspace sees a build, and each has names of its own", async () => {
  const other = WorkspaceName.parse("other");
  await using bench = await startBuildBench({ prepare: (store) => addWorkspace(store, other) });
  await bench.deploy("box");
  const headers = { "x-blaxel-workspace": other };
  for (const path of ["/sandboxes/box", "/sandboxes/box/build-logs", "/images/sandbox/box/build-logs"]) {
    expect(await bench.server.call("GET", path, undefined, headers)).toMatchObject({ status: 404 });
  }
  expect(await bench.server.call("GET", "/observability/logs?workloadIds=box", undefined, headers)).toMatchObject({
    body: { box: { logs: [], totalCount: 0 } },
  });
  const begun = await bench.server.call("POST", "/sandboxes?upload=true", { metadata: { name: "box" } }, headers);
  expect(begun).toMatchObject({ status: 200, body: { metadata: { workspace: "other" }, status: "UPLOADING" } });
});

test("each build leaves one event in the log and one entry of its upload in the audit log", async () => {
  await using bench = await startBuildBench();
  await bench.deploy("box");
  await bench.upload(await bench.begin("bad"));
  await bench.fail();
  const events = bench.server.logged.filter(({ event }) => event === "image.build");
  expect(events).toMatchObject([
    { outcome: "success", sandbox: "box", workspace: WORKSPACE, durationMs: expect.any(Number) },
    { outcome: "failure", sandbox: "bad", code: "BUILD_FAILED", durationMs: expect.any(Number) },
  ]);
  await bench.server.deps.audit.close();
  const { body } = await bench.server.call("GET", "/audit");
  const resources = (body as { data: { resource: string }[] }).data.map(({ resource }) => resource).toReversed();
  expect(resources).toEqual(["sandboxes/box", "uploads/***/box", "sandboxes/bad", "uploads/***/bad"]);
});

test("an image is in use from when it has its name: a clean-up meanwhile leaves it", async () => {
  await using bench = await startBuildBench();
  await bench.upload(await bench.begin("box"));
  const { engine } = bench.server;
  let cleaned: unknown;
  engine.beforeCreate = async () => {
    cleaned = (await bench.server.call("DELETE", "/images")).body;
  };
  await bench.finish();
  expect(cleaned).toMatchObject({ deleted: 0 });
  expect(await bench.stored("box")).toMatchObject({ status: "DEPLOYED" });
});

test("a sandbox that neither starts nor can be taken away has failed, and goes with its record", async () => {
  await using bench = await startBuildBench();
  const { engine } = bench.server;
  const away = () => Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine"));
  await bench.upload(await bench.begin("box"));
  engine.beforeCreate = away;
  engine.beforeRemove = away;
  await bench.finish();
  expect(await bench.read("box")).toMatchObject({ status: "FAILED", errors: [{ code: "ENGINE_UNAVAILABLE" }] });
  engine.beforeRemove = () => Promise.resolve();
  expect(await bench.server.call("DELETE", "/sandboxes/box")).toMatchObject({ status: 200 });
});
