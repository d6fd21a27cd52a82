import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { type VolumeTemplateAnswer, WorkspaceName } from "@dormouse/schema";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { addWorkspace, startServer, WORKSPACE, type Answer, type TestServer } from "../../testkit/server.ts";
import { issueApiKey } from "../installation.ts";
import { keepUp } from "../upkeep.ts";

const HOUR_MS = 3_600_000;

const create = (server: TestServer, name: string, query = "?upload=true", spec: unknown = {}): Promise<Answer> =>
  server.call("POST", `/volume_templates${query}`, { metadata: { name }, spec });

const read = async (server: TestServer, name: string): Promise<VolumeTemplateAnswer> =>
  (await server.call("GET", `/volume_templates/${name}`)).body as VolumeTemplateAnswer;

/** Sends what an answer's address asks for, without a credential. */
async function upload(server: TestServer, answer: Answer, archive: string): Promise<{ status: number; body: unknown }> {
  const url = answer.headers.get("x-blaxel-upload-url") ?? "";
  const response = await server.fetch(new Request(url, { method: "PUT", body: archive }));
  return { status: response.status, body: await response.json() };
}

/** A template whose versions are these archives, named by numbers. */
async function withVersions(server: TestServer, name: string, ...archives: readonly string[]): Promise<void> {
  for (const archive of archives) {
    const answer = await server.call("PUT", `/volume_templates/${name}?upload=true`, {});
    expect(await upload(server, answer, archive)).toMatchObject({ status: 200, body: { status: "READY" } });
  }
}

const createVolume = (server: TestServer, name: string, spec: unknown): Promise<Answer> =>
  server.call("POST", "/volumes", { metadata: { name }, spec });

test("F233 a template is made, uploaded, read, listed, changed and deleted", async () => {
  await using server = await startServer();
  const made = await server.call("POST", "/volume_templates?upload=true&version=", {
    metadata: { name: "tools", displayName: "Tools", labels: { team: "a" } },
    spec: { defaultSize: 64, description: "What we all need" },
    state: {},
    versions: [],
  });
  const created = { name: "1", versionId: "1", templateName: "tools", workspace: "default", status: "CREATED" };
  expect(made).toMatchObject({
    status: 200,
    body: {
      metadata: { name: "tools", displayName: "Tools", labels: { team: "a" }, workspace: "default" },
      spec: { defaultSize: 64, description: "What we all need" },
      state: { status: "created", versionCount: 1 },
      versions: [created],
    },
  });
  expect(made.headers.get("x-blaxel-upload-url")).toMatch(/^http:\/\/localhost:4000\/v0\/volume_uploads\/[\w-]{43}$/);
  expect(await upload(server, made, "content")).toEqual({
    status: 200,
    body: { ...created, status: "READY", contentSize: 7 },
  });
  expect((await server.call("GET", "/volume_templates")).body).toEqual([await read(server, "tools")]);
  expect(await read(server, "tools")).toMatchObject({
    state: { status: "ready", latestVersion: "1", versionCount: 1, lastVersionUploadedAt: expect.any(String) },
    versions: [{ status: "READY", contentSize: 7 }],
  });
  const changed = await server.call("PUT", "/volume_templates/tools", { metadata: { labels: null }, spec: {} });
  expect(changed.headers.get("x-blaxel-upload-url")).toBeNull();
  expect(changed.body).toMatchObject({ metadata: { displayName: "Tools", labels: {} }, spec: { defaultSize: 64 } });
  expect(await create(server, "tools")).toMatchObject({ status: 409, body: { code: 409 } });
  expect(await server.call("DELETE", "/volume_templates/tools")).toMatchObject({
    status: 200,
    body: { metadata: { name: "tools" } },
  });
  expect(await server.call("GET", "/volume_templates/tools")).toMatchObject({ status: 404, body: { code: 404 } });
  expect([...server.engine.volumes]).toEqual([]);
});

test("F233 a volume begins with the version it names, or the latest, and says which", async () => {
  await using server = await startServer();
  await create(server, "tools", "", { defaultSize: 64 });
  await withVersions(server, "tools", "one", "two");
  const contents: unknown[] = [];
  for (const template of ["tools:1", "tools:2", "tools:latest", "tools"]) {
    const name = `from-${template.replace(":", "-")}`;
    const { status, body } = await createVolume(server, name, { template });
    expect({ status, body }).toMatchObject({ status: 200, body: { spec: { size: 64 } } });
    const [id] = [...server.engine.contents.keys()].slice(-1);
    contents.push([(body as { spec: { template: string } }).spec.template, id && server.engine.contents.get(id)]);
    const { body: found } = await server.call("GET", `/volumes/${name}`);
    expect(await server.call("PUT", `/volumes/${name}`, found)).toMatchObject({
      status: 200,
      body: { spec: { size: 64 } },
    });
  }
  const [one, two] = [
    ["tools:1", "one"],
    ["tools:2", "two"],
  ];
  expect(contents).toEqual([one, two, two, two]);
  expect(await createVolume(server, "sized", { template: "tools:1", size: 128 })).toMatchObject({
    body: { spec: { size: 128, template: "tools:1" } },
  });
  const refilled = await server.call("PUT", "/volumes/sized", { spec: { template: "tools:2" } });
  expect(refilled).toMatchObject({ status: 400 });
  await server.call("DELETE", "/volume_templates/tools");
  expect(await server.call("GET", "/volumes/sized")).toMatchObject({ body: { spec: { template: "tools:1" } } });
  expect([...server.engine.contents.values()].toSorted()).toEqual(["one", "one", "two", "two", "two"]);
});

test.each([
  ["an unknown template", "nothing", "no such volume template"],
  ["an unknown version", "tools:9", "no such version"],
  ["a version that is not uploaded", "tools:waiting", "not uploaded yet"],
  ["a version that failed", "tools:bad", "no ZIP file"],
  ["more than a version", "tools:1:2", "no such volume template"],
  ["a template without a version", "empty", "no version that is ready"],
])("F233 a volume of %s is refused with 400 and leaves nothing", async (_title, template, sentence) => {
  await using server = await startServer();
  await create(server, "tools", "");
  await create(server, "empty", "");
  await withVersions(server, "tools", "one");
  await server.call("PUT", "/volume_templates/tools?upload=true&version=waiting", {});
  const bad = await server.call("PUT", "/volume_templates/tools?upload=true&version=bad", {});
  expect(await upload(server, bad, "broken")).toMatchObject({ status: 400 });
  const answer = await createVolume(server, "refused", { template });
  expect(answer).toMatchObject({ status: 400, body: { error: "INVALID_ARGUMENT" } });
  expect(answer.body).toHaveProperty("message", expect.stringContaining(sentence));
  expect(await server.call("GET", "/volumes")).toMatchObject({ body: { data: [] } });
});

test("F233 the address of an upload works once, for an hour, and for nothing else", async () => {
  let nowMs = Date.now();
  await using server = await startServer({ clock: () => nowMs });
  const first = await create(server, "tools");
  const guess = new Request(`http://localhost/v0/volume_uploads/${"x".repeat(43)}`, { method: "PUT", body: "one" });
  const guessed = await server.fetch(guess);
  expect(guessed.status).toBe(403);
  expect((await upload(server, first, "one")).status).toBe(200);
  expect(await upload(server, first, "other")).toMatchObject({ status: 403, body: { error: "FORBIDDEN" } });
  expect([...server.engine.contents.values()]).toEqual(["one"]);

  nowMs += 1;
  const second = await server.call("PUT", "/volume_templates/tools?upload=true", {});
  nowMs += HOUR_MS;
  expect(await upload(server, second, "late")).toMatchObject({ status: 403 });
  await keepUp(server.deps);
  expect((await read(server, "tools")).versions).toMatchObject([
    { name: "1", status: "READY" },
    { name: "2", status: "FAILED", error: expect.stringContaining("not uploaded in time") },
  ]);
  const url = second.headers.get("x-blaxel-upload-url") ?? "";
  expect(JSON.stringify([server.logged, await server.call("GET", "/audit")])).not.toContain(url.slice(-43));
});

test("F233 an upload that fails is its version's failure, which can be uploaded again; a ready one never changes", async () => {
  const engine = new MemoryEngine();
  await using server = await startServer({ engine });
  const bad = await create(server, "tools", "?upload=true&version=v1");
  expect(await upload(server, bad, "broken")).toMatchObject({
    status: 400,
    body: { code: 400, message: expect.stringContaining("no ZIP file") },
  });
  expect(await read(server, "tools")).toMatchObject({
    state: { status: "error", versionCount: 1 },
    versions: [{ name: "v1", status: "FAILED", error: "Cannot unpack the archive: it is no ZIP file" }],
  });
  const again = await server.call("PUT", "/volume_templates/tools?upload=true&version=v1", {});
  engine.beforeVolumeChange = () => Promise.reject(new AppError("HOST_FULL", "Cannot keep it: the disk is full"));
  engine.removeVolume = () => Promise.resolve();
  expect(await upload(server, again, "good")).toMatchObject({ status: 503 });
  engine.beforeVolumeChange = () => Promise.resolve();
  const third = await server.call("PUT", "/volume_templates/tools?upload=true&version=v1", {});
  expect(await upload(server, third, "good")).toMatchObject({ status: 200 });
  expect(await server.call("PUT", "/volume_templates/tools?upload=true&version=v1", {})).toMatchObject({ status: 409 });
  expect(await read(server, "tools")).toMatchObject({ state: { status: "ready" }, versions: [{ status: "READY" }] });
});

test("F233 a version is deleted unless it is the only one, and latest is then the one before", async () => {
  await using server = await startServer();
  await create(server, "tools", "");
  await withVersions(server, "tools", "one", "two");
  expect(await server.call("DELETE", "/volume_templates/tools/versions/9")).toMatchObject({ status: 404 });
  expect(await server.call("DELETE", "/volume_templates/tools/versions/2")).toMatchObject({
    status: 200,
    body: { message: expect.any(String), template: { state: { latestVersion: "1", versionCount: 1 } } },
  });
  expect([...server.engine.contents.values()]).toEqual(["one"]);
  expect(await server.call("DELETE", "/volume_templates/tools/versions/1")).toMatchObject({ status: 400 });
});

test("what is deleted while it is uploaded leaves nothing", async () => {
  const engine = new MemoryEngine();
  await using server = await startServer({ engine });
  const answer = await create(server, "tools");
  const arrived = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  engine.beforeVolumeChange = () => {
    arrived.resolve();
    engine.beforeVolumeChange = () => Promise.resolve();
    return goOn.promise;
  };
  const uploading = upload(server, answer, "content");
  await arrived.promise;
  expect(await server.call("PUT", "/volume_templates/tools?upload=true&version=1", {})).toMatchObject({ status: 409 });
  await server.call("DELETE", "/volume_templates/tools");
  goOn.resolve();
  expect(await uploading).toMatchObject({ status: 404 });
  expect([...engine.volumes]).toEqual([]);
});

test("at most four uploads run at once; the address of one that is refused still holds", async () => {
  const engine = new MemoryEngine();
  await using server = await startServer({ engine });
  const goOn = Promise.withResolvers<void>();
  engine.beforeVolumeChange = () => goOn.promise;
  const answers = await Promise.all(["a", "b", "c", "d", "e"].map((name) => create(server, name)));
  const uploads = answers.slice(0, 4).map((answer) => upload(server, answer, "x"));
  const fifth = answers[4] as Answer;
  expect(await upload(server, fifth, "x")).toMatchObject({ status: 429 });
  goOn.resolve();
  for (const { status } of await Promise.all(uploads)) expect(status).toBe(200);
  expect((await upload(server, fifth, "x")).status).toBe(200);
});

test("what a server that died had begun is settled at the next start", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-templates-"));
  const sqlitePath = join(folder, "test.db");
  const engine = new MemoryEngine();
  {
    await using server = await startServer({ sqlitePath, engine });
    await create(server, "deleted", "");
    await withVersions(server, "deleted", "one", "two");
    const cut = await create(server, "cut");
    engine.beforeVolumeChange = () => Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine"));
    expect(await upload(server, cut, "x")).toMatchObject({ status: 503 });
    expect(await server.call("DELETE", "/volume_templates/deleted")).toMatchObject({ status: 503 });
    expect((await createVolume(server, "late", { template: "deleted" })).status).toBe(400);
    expect((await read(server, "cut")).versions).toMatchObject([{ status: "CREATED" }]);
  }
  engine.beforeVolumeChange = () => Promise.resolve();
  await using server = await startServer({ sqlitePath, engine });
  expect(await server.deps.store.volumeTemplates.find(WORKSPACE, "deleted")).toBeUndefined();
  expect((await read(server, "cut")).versions).toMatchObject([
    { status: "FAILED", error: expect.stringContaining("upload it again") },
  ]);
  expect([...engine.volumes]).toEqual([]);
  await rm(folder, { recursive: true });
});

test.each([
  ["a name that is no name", "POST ", { metadata: { name: "../x" } }, "metadata.name"],
  ["no name", "POST ", {}, "metadata.name"],
  ["a size that is none", "POST ", { metadata: { name: "a" }, spec: { defaultSize: 0 } }, "spec.defaultSize"],
  ["the version latest", "POST ?upload=true&version=latest", { metadata: { name: "a" } }, "version"],
  ["a version with a colon", "POST ?upload=true&version=1:2", { metadata: { name: "a" } }, "version"],
  ["a version without an upload", "POST ?version=1", { metadata: { name: "a" } }, "upload=true"],
  ["a bad name in the path", "PUT /Bad_Name", {}, "the template's name"],
])("F233 %s is refused with 400", async (_title, target, body, sentence) => {
  await using server = await startServer();
  const [method = "", path = ""] = target.split(" ");
  const answer = await server.call(method, `/volume_templates${path}`, body);
  expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining(sentence) } });
  expect((await server.call("GET", "/volume_templates")).body).toEqual([]);
});

test("another workspace neither sees a template nor can use, change or delete it, and may use its name", async () => {
  const other = WorkspaceName.parse("other");
  let key = "";
  await using server = await startServer({
    prepare: async (store) => {
      await addWorkspace(store, other);
      key = await issueApiKey({ store, clock: Date.now }, other, "second");
    },
  });
  const headers = { "x-blaxel-authorization": `Bearer ${key}`, "x-blaxel-workspace": other };
  await create(server, "mine", "");
  await withVersions(server, "mine", "one", "two");
  for (const [method, path] of [
    ["GET", "/volume_templates/mine"],
    ["DELETE", "/volume_templates/mine"],
    ["DELETE", "/volume_templates/mine/versions/1"],
  ] as const) {
    expect(await server.call(method, path, undefined, headers)).toMatchObject({ status: 404, body: { code: 404 } });
  }
  expect((await server.call("GET", "/volume_templates", undefined, headers)).body).toEqual([]);
  const volume = { metadata: { name: "v" }, spec: { template: "mine:1" } };
  expect(await server.call("POST", "/volumes", volume, headers)).toMatchObject({ status: 400 });
  expect(await server.call("PUT", "/volume_templates/mine", {}, headers)).toMatchObject({
    status: 200,
    body: { versions: [], metadata: { workspace: "other" } },
  });
  expect((await read(server, "mine")).versions).toHaveLength(2);
});

test("each change leaves an event in the log and in the audit log of its workspace, uploads included", async () => {
  await using server = await startServer();
  const answer = await create(server, "tools");
  await upload(server, answer, "one");
  await withVersions(server, "tools", "two");
  await server.call("DELETE", "/volume_templates/tools/versions/1");
  await server.call("DELETE", "/volume_templates/tools");
  const events = server.logged.map(({ event, volumeTemplate }) => `${String(event)} ${String(volumeTemplate)}`);
  expect(events).toEqual([
    "volume_template.create tools",
    "volume_template.upload tools:1",
    "volume_template.update tools",
    "volume_template.upload tools:2",
    "volume_template.version.delete tools:1",
    "volume_template.delete tools",
  ]);
  await server.deps.audit.close();
  const { body } = await server.call("GET", "/audit");
  const resources = (body as { data: { resource: string }[] }).data.map(({ resource }) => resource).toReversed();
  expect(resources).toEqual([
    "volume_templates",
    "volume_uploads/***/tools:1",
    "volume_templates/tools",
    "volume_uploads/***/tools:2",
    "volume_templates/tools/versions/1",
    "volume_templates/tools",
  ]);
});
