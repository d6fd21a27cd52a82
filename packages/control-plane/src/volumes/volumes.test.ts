import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { VolumeId, VolumeName, WorkspaceName } from "@dormouse/schema";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { addWorkspace, startServer, WORKSPACE, type Answer, type TestServer } from "../../testkit/server.ts";
import { issueApiKey } from "../installation.ts";

const createVolume = (server: TestServer, name: string, spec: unknown = {}): Promise<Answer> =>
  server.call("POST", "/volumes", { metadata: { name }, spec });

const withVolume = (server: TestServer, sandbox: string, volume: string): Promise<Answer> =>
  server.create(sandbox, { volumes: [{ name: volume, mountPath: "/data" }] });

const attachedTo = async (server: TestServer, name: string): Promise<unknown> => {
  const { body } = await server.call("GET", `/volumes/${name}`);
  return (body as { state: { attachedTo?: string } }).state.attachedTo;
};

test("F230 a volume is made, read, listed and deleted", async () => {
  await using server = await startServer();
  const made = await server.call("POST", "/volumes", {
    metadata: { name: "cache", displayName: "Cache", externalId: "ext-1", labels: { team: "a" } },
    spec: { size: 2048, region: "us-pdx-1" },
  });
  expect(made).toMatchObject({
    status: 200,
    body: {
      metadata: {
        name: "cache",
        displayName: "Cache",
        externalId: "ext-1",
        labels: { team: "a" },
        workspace: "default",
      },
      spec: { size: 2048, region: "us-pdx-1" },
      state: {},
      status: "DEPLOYED",
      events: [{ status: "DEPLOYING" }, { status: "DEPLOYED" }],
    },
  });
  expect([...server.engine.volumes.values()]).toEqual([2048]);
  expect((await server.call("GET", "/volumes/cache")).body).toEqual(made.body);
  expect((await server.call("GET", "/volumes/by-external-id/ext-1")).body).toEqual(made.body);
  expect((await server.call("GET", "/volumes?q=cach")).body).toEqual({
    data: [made.body],
    meta: { hasMore: false, nextCursor: "", total: 1 },
  });
  expect(await server.call("DELETE", "/volumes/cache")).toMatchObject({ status: 200, body: { status: "DELETING" } });
  expect(await server.call("GET", "/volumes/cache")).toMatchObject({ status: 404, body: { code: 404 } });
  expect(server.engine.volumes.size).toBe(0);
});

test("F230 without a name and a size the server chooses them", async () => {
  await using server = await startServer();
  expect((await server.call("POST", "/volumes", {})).body).toMatchObject({
    metadata: { name: expect.stringMatching(/^volume-[a-z0-9]{8}$/) },
    spec: { size: 1024 },
  });
});

test("F230 a list is read page by page, by age or by name", async () => {
  let nowMs = 1_000;
  await using server = await startServer({ clock: () => nowMs });
  for (const name of ["b", "c", "a"]) {
    nowMs += 1_000;
    await createVolume(server, name);
  }
  const names: string[] = [];
  let cursor = "";
  do {
    const { body } = await server.call("GET", `/volumes?limit=2&sort=name:asc${cursor && `&cursor=${cursor}`}`);
    const page = body as { data: { metadata: { name: string } }[]; meta: { nextCursor: string; total: number } };
    names.push(...page.data.map(({ metadata }) => metadata.name));
    expect(page.meta.total).toBe(3);
    cursor = page.meta.nextCursor;
  } while (cursor !== "");
  expect(names).toEqual(["a", "b", "c"]);
  const { body } = await server.call("GET", "/volumes", undefined, { "blaxel-version": "" });
  expect((body as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name)).toEqual(["a", "c", "b"]);
});

test("F230 a taken name is 409 with a numeric code, and of 20 at once one is made", async () => {
  await using server = await startServer();
  const answers = await Promise.all(Array.from({ length: 20 }, () => createVolume(server, "raced")));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  for (const { body } of answers.filter(({ status }) => status !== 200)) {
    expect(body).toMatchObject({ code: 409, error: "VOLUME_ALREADY_EXISTS" });
  }
  expect(server.engine.volumes.size).toBe(1);
});

test.each([
  ["a name in upper case", { name: "Data" }, {}, "metadata.name"],
  ["a name of 50 characters", { name: "a".repeat(50) }, {}, "metadata.name"],
  ["a size of 0", {}, { size: 0 }, "spec.size"],
  ["a size with a fraction", {}, { size: 1.5 }, "spec.size"],
  ["a size over 16 TiB", {}, { size: 16_777_217 }, "spec.size"],
  ["labels that are not strings", { labels: { a: 1 } }, {}, "metadata.labels.a"],
  ["an external id with a slash", { externalId: "a/b" }, {}, "metadata.externalId"],
  ["a template", {}, { template: "seeded:latest" }, "no such volume template"],
])("%s is refused with 400 and leaves nothing", async (_title, metadata, spec, sentence) => {
  await using server = await startServer();
  const answer = await server.call("POST", "/volumes", { metadata, spec });
  expect(answer).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
  expect(answer.body).toHaveProperty("message", expect.stringContaining(sentence));
  expect(server.engine.volumes.size).toBe(0);
});

test("F232 a volume grows by an update, keeps what the update leaves out, and never shrinks", async () => {
  await using server = await startServer();
  const { body } = await createVolume(server, "grows", { size: 10 });
  const volume = body as { metadata: object; spec: object };
  const grown = await server.call("PUT", "/volumes/grows", { ...volume, spec: { ...volume.spec, size: 20 } });
  expect(grown).toMatchObject({ status: 200, body: { spec: { size: 20 } } });
  expect([...server.engine.volumes.values()]).toEqual([20]);
  const labelled = await server.call("PUT", "/volumes/grows", { metadata: { labels: { a: "b" } }, spec: {} });
  expect(labelled.body).toMatchObject({ metadata: { name: "grows", labels: { a: "b" } }, spec: { size: 20 } });
  const shrunk = await server.call("PUT", "/volumes/grows", { metadata: {}, spec: { size: 19 } });
  expect(shrunk).toMatchObject({ status: 400, body: { error: "INVALID_ARGUMENT" } });
  expect(shrunk.body).toHaveProperty("message", expect.stringContaining("it has 20 MB"));
  expect([...server.engine.volumes.values()]).toEqual([20]);
});

test("F231 F057 a sandbox has its volume until it is deleted, and then the next one may", async () => {
  await using server = await startServer();
  await createVolume(server, "data");
  const first = await withVolume(server, "first", "data");
  const mounted = [{ name: "data", mountPath: "/data", readOnly: false, type: "persistent" }];
  expect(first).toMatchObject({ status: 200, body: { spec: { volumes: mounted } } });
  const [id] = server.engine.volumes.keys();
  expect(server.engine.specs[0]?.volumes).toEqual([{ id: id as VolumeId, mountPath: "/data", readOnly: false }]);
  expect(await attachedTo(server, "data")).toBe("sandbox:first");

  const second = await withVolume(server, "second", "data");
  expect(second).toMatchObject({ status: 409, body: { code: "VOLUME_IN_USE" } });
  expect(second.body).toHaveProperty("message", expect.stringContaining('sandbox "first" has it'));
  expect(await server.call("GET", "/sandboxes/second")).toMatchObject({ status: 404 });
  const refused = await server.call("DELETE", "/volumes/data");
  expect(refused).toMatchObject({ status: 409, body: { code: 409, error: "VOLUME_IN_USE" } });

  await server.call("DELETE", "/sandboxes/first");
  expect(await attachedTo(server, "data")).toBeUndefined();
  expect((await withVolume(server, "second", "data")).status).toBe(200);
  const { body } = await server.call("GET", "/volumes/data");
  const messages = (body as { events: { message: string }[] }).events.map(({ message }) => message);
  expect(messages.slice(2)).toEqual([
    'Volume is attached to sandbox "first"',
    'Volume is free: sandbox "first" is deleted',
    'Volume is attached to sandbox "second"',
  ]);
});

test("F231 of 10 sandboxes that want one volume at once one gets it, and the others leave nothing", async () => {
  await using server = await startServer();
  await createVolume(server, "wanted");
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) => withVolume(server, `box-${index}`, "wanted")),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(9);
  expect(server.engine.specs).toHaveLength(1);
  expect(await server.call("GET", "/sandboxes")).toMatchObject({ body: { meta: { total: 1 } } });
});

test("F231 a create that fails leaves its volumes free", async () => {
  const engine = new MemoryEngine();
  await using server = await startServer({ engine });
  await createVolume(server, "data");
  engine.beforeCreate = () => Promise.reject(new AppError("SANDBOX_START_FAILED", "Cannot start it"));
  expect(await withVolume(server, "unlucky", "data")).toMatchObject({ status: 500 });
  expect(await attachedTo(server, "data")).toBeUndefined();
  engine.beforeCreate = () => Promise.resolve();
  expect(await withVolume(server, "lucky", "data")).toMatchObject({ status: 200 });
});

test("F231 an ephemeral volume needs a size and no record", async () => {
  await using server = await startServer();
  await createVolume(server, "data");
  const answer = await server.create("scratchy", {
    volumes: [
      { name: "data", mountPath: "/data", readOnly: true },
      { type: "ephemeral", mountPath: "/scratch", sizeMb: 64 },
    ],
  });
  expect(answer.status).toBe(200);
  expect(server.engine.specs[0]?.volumes).toEqual([
    { id: expect.any(String), mountPath: "/data", readOnly: true },
    { id: VolumeId.parse("ephemeral1"), mountPath: "/scratch", readOnly: false, sizeMiB: 64 },
  ]);
  expect(await server.call("GET", "/volumes")).toMatchObject({ body: { meta: { total: 1 } } });
});

const DATA = { name: "data", mountPath: "/data" };

test.each([
  ["no path", [{ name: "data" }], "mountPath"],
  ["a relative path", [{ name: "data", mountPath: "data" }], "absolute path"],
  ["a path that climbs", [{ name: "data", mountPath: "/data/../proc" }], "absolute path"],
  ["a path with an empty part", [{ name: "data", mountPath: "/data//x" }], "absolute path"],
  ["the root", [{ name: "data", mountPath: "/" }], "absolute path"],
  ["/proc", [{ name: "data", mountPath: "/proc" }], '"/proc"'],
  ["a path in /sys", [{ name: "data", mountPath: "/sys/fs/cgroup" }], '"/sys"'],
  ["a path in /dev", [{ name: "data", mountPath: "/dev/shm" }], '"/dev"'],
  ["the resolver's file", [{ name: "data", mountPath: "/etc/resolv.conf" }], '"/etc/resolv.conf"'],
  ["a folder above the resolver's file", [{ name: "data", mountPath: "/etc" }], '"/etc/'],
  ["the agent", [{ name: "data", mountPath: "/usr/local/bin/sandbox-api" }], '"/usr/local/bin/sandbox-api"'],
  ["a folder above the agent", [{ name: "data", mountPath: "/usr/local" }], '"/usr/local/bin/sandbox-api"'],
  ["one path twice", [DATA, { type: "ephemeral", mountPath: "/data", sizeMb: 1 }], '"/data" is there twice'],
  ["one volume twice", [DATA, { name: "data", mountPath: "/other" }], '"data" is there twice'],
  ["an ephemeral one without a size", [{ type: "ephemeral", mountPath: "/scratch" }], "sizeMb"],
  ["a persistent one with a size", [{ ...DATA, sizeMb: 5 }], "sizeMb"],
  ["a volume nobody has", [DATA, { name: "other", mountPath: "/other" }], 'volume "other"'],
])("F231 volumes with %s are refused with 400 before anything is made", async (_title, volumes, sentence) => {
  await using server = await startServer();
  await createVolume(server, "data");
  const answer = await server.create("refused", { volumes });
  expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_ARGUMENT" } });
  expect(answer.body).toHaveProperty("message", expect.stringContaining(sentence));
  expect(server.engine.specs).toEqual([]);
  expect(await attachedTo(server, "data")).toBeUndefined();
});

test("F231 the volumes of a sandbox are fixed at its creation; what a GET gave may be sent back", async () => {
  await using server = await startServer();
  await createVolume(server, "data");
  const { body } = await withVolume(server, "fixed", "data");
  expect(await server.call("PUT", "/sandboxes/fixed", body)).toMatchObject({ status: 200 });
  for (const volumes of [null, [], [{ name: "data", mountPath: "/elsewhere" }]]) {
    const answer = await server.call("PUT", "/sandboxes/fixed", { metadata: {}, spec: { volumes } });
    expect(answer).toMatchObject({ status: 400, body: { error: "INVALID_ARGUMENT" } });
  }
});

test("another workspace neither sees a volume nor can use, change or delete it, and may use its name", async () => {
  const other = WorkspaceName.parse("other");
  let key = "";
  await using server = await startServer({
    prepare: async (store) => {
      await addWorkspace(store, other);
      key = await issueApiKey({ store, clock: Date.now }, other, "second");
    },
  });
  const headers = { "x-blaxel-authorization": `Bearer ${key}`, "x-blaxel-workspace": other };
  await server.call("POST", "/volumes", { metadata: { name: "mine", externalId: "ext" }, spec: { size: 10 } });
  for (const [method, path, body] of [
    ["GET", "/volumes/mine", undefined],
    ["GET", "/volumes/by-external-id/ext", undefined],
    ["PUT", "/volumes/mine", { spec: { size: 20 } }],
    ["DELETE", "/volumes/mine", undefined],
  ] as const) {
    expect(await server.call(method, path, body, headers)).toMatchObject({ status: 404, body: { code: 404 } });
  }
  expect(await server.call("GET", "/volumes", undefined, headers)).toMatchObject({ body: { data: [] } });
  const spec = { volumes: [{ name: "mine", mountPath: "/data" }] };
  expect(await server.call("POST", "/sandboxes", { metadata: {}, spec }, headers)).toMatchObject({ status: 400 });
  expect(await server.call("POST", "/volumes", { metadata: { name: "mine" } }, headers)).toMatchObject({ status: 200 });
  expect(await server.call("POST", "/sandboxes", { metadata: {}, spec }, headers)).toMatchObject({ status: 200 });
  expect(await attachedTo(server, "mine")).toBeUndefined();
  expect([...server.engine.volumes.values()]).toEqual([10, 1024]);
});

test("what the engine cannot make leaves no record", async () => {
  const engine = new MemoryEngine();
  await using server = await startServer({ engine });
  engine.createVolume = () => Promise.reject(new AppError("HOST_FULL", "Cannot give a volume 1024 MB: 1 MB is free"));
  expect(await createVolume(server, "big")).toMatchObject({ status: 503, body: { code: 503, error: "HOST_FULL" } });
  expect(await server.call("GET", "/volumes")).toMatchObject({ body: { data: [] } });
});

test("what a server that died had begun to make or delete is swept at the next start, and the name is free at once", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-volumes-"));
  const sqlitePath = join(folder, "test.db");
  const engine = new MemoryEngine();
  {
    await using server = await startServer({ sqlitePath, engine });
    await createVolume(server, "kept");
    engine.beforeVolumeChange = () => Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine"));
    expect(await createVolume(server, "cut")).toMatchObject({ status: 503 });
    expect(await server.deps.store.volumes.find(WORKSPACE, "cut")).toMatchObject({ status: "DELETING" });
  }
  engine.beforeVolumeChange = () => Promise.resolve();
  await using server = await startServer({ sqlitePath, engine });
  expect(await server.deps.store.volumes.find(WORKSPACE, VolumeName.parse("cut"))).toBeUndefined();
  expect(await createVolume(server, "cut")).toMatchObject({ status: 200 });
  expect(await server.call("GET", "/volumes")).toMatchObject({ body: { meta: { total: 2 } } });
  await rm(folder, { recursive: true });
});

test("each change of a volume leaves one event in the log", async () => {
  await using server = await startServer();
  await createVolume(server, "logged");
  await server.call("PUT", "/volumes/logged", { spec: { size: 2048 } });
  await server.call("DELETE", "/volumes/logged");
  const events = server.logged.map(({ event, volume, outcome }) => [event, volume, outcome].join(" "));
  expect(events).toEqual(["create", "update", "delete"].map((verb) => `volume.${verb} logged success`));
});
