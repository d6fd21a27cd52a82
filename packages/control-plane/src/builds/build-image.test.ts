import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { credentialsIn } from "@dormouse/schema";
import { startBuildBench } from "../../testkit/builds.ts";

const PASSWORD = "pa55:word";
const AUTH = Buffer.from(`robot:${PASSWORD}`).toString("base64");
const DOCKER_CONFIG = JSON.stringify({ auths: { "https://registry.example.com/v1/": { auth: AUTH } } });
const REFERENCE = "registry.example.com/team/app:1";

test("F088 an image from an upload goes from UPLOADING over BUILDING to BUILT, and again for its next version", async () => {
  await using bench = await startBuildBench();
  for (const count of [1, 2]) {
    const begun = await bench.beginImage("tools", { generation: "mk3" });
    expect(begun.body).toMatchObject({ metadata: { name: "tools", status: "UPLOADING" } });
    expect(await bench.readImage("tools")).toMatchObject({ metadata: { status: "UPLOADING" } });
    await bench.upload(begun);
    expect(await bench.readImage("tools")).toMatchObject({ metadata: { status: "BUILDING" } });
    await bench.finish();
    const { metadata, spec } = await bench.readImage("tools");
    expect([metadata.status, spec.tags.length]).toEqual(["BUILT", count]);
  }
  expect(await bench.server.call("GET", "/sandboxes/tools")).toMatchObject({ status: 404 });
  expect(await bench.server.create("box", { runtime: { image: "sandbox/tools" } })).toMatchObject({ status: 200 });
});

test("an image whose build fails is FAILED, says why, and keeps the versions it has", async () => {
  await using bench = await startBuildBench();
  await bench.upload(await bench.beginImage("tools"));
  await bench.finish();
  await bench.upload(await bench.beginImage("tools"));
  await bench.fail();
  const { metadata, spec } = await bench.readImage("tools");
  expect([metadata.status, spec.tags.length]).toEqual(["FAILED", 1]);
  expect(metadata.events.at(-1)).toMatchObject({ message: expect.stringContaining("RUN false") });
  expect(await bench.text("/images/sandbox/tools/build-logs")).toContain("RUN false");
  expect(await bench.server.create("box", { runtime: { image: "tools" } })).toMatchObject({ status: 200 });
});

test("an image that has never been built is in the list while it is on its way, not once it has failed", async () => {
  await using bench = await startBuildBench();
  const listed = async () => (await bench.server.call("GET", "/images")).body;
  await bench.upload(await bench.beginImage("tools"));
  expect(await listed()).toMatchObject([{ metadata: { name: "tools", status: "BUILDING" } }]);
  await bench.fail();
  expect(await listed()).toEqual([]);
  expect(await bench.readImage("tools")).toMatchObject({ metadata: { status: "FAILED" } });
  await bench.upload(await bench.beginImage("tools"));
  await bench.finish();
  expect(await listed()).toMatchObject([{ metadata: { name: "tools", status: "BUILT" } }]);
});

test("deleting an image ends its build", async () => {
  await using bench = await startBuildBench();
  const begun = await bench.beginImage("tools");
  await bench.upload(begun);
  expect(await bench.server.call("DELETE", "/images/sandbox/tools")).toMatchObject({ status: 200 });
  expect(bench.server.engine.builds.ids()).toEqual([]);
  expect(await bench.server.call("GET", "/images/sandbox/tools")).toMatchObject({ status: 404 });
});

test.each([
  ["a name that is none", { name: "../x" }, "name"],
  ["another type", { name: "tools", resourceType: "agent" }, "agent"],
])("F088 %s is refused with 400", async (_title, body, sentence) => {
  await using bench = await startBuildBench();
  const answer = await bench.server.call("POST", "/images?upload=true", body);
  expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining(sentence) } });
});

test("F090 an image is fetched from a registry with credentials that are kept nowhere", async () => {
  await using bench = await startBuildBench();
  const answer = await bench.beginImage("tools", { image: REFERENCE, dockerConfig: DOCKER_CONFIG }, "");
  expect(answer).toMatchObject({
    status: 200,
    body: { name: "tools", resourceType: "sandbox", build: true, message: expect.stringContaining(REFERENCE) },
  });
  expect(await bench.readImage("tools")).toMatchObject({ metadata: { status: "BUILDING" } });
  expect(bench.server.engine.builds.request(bench.lastId)).toMatchObject({
    source: { kind: "registry", reference: REFERENCE },
    credentials: { "registry.example.com": { username: "robot", password: PASSWORD } },
  });
  await bench.finish();
  expect(await bench.readImage("tools")).toMatchObject({ metadata: { status: "BUILT" }, spec: { tags: [{}] } });
  const { store } = bench.server.deps;
  const kept = JSON.stringify([bench.server.logged, await store.builds.all(), answer.body]);
  for (const secret of [PASSWORD, AUTH]) expect(kept).not.toContain(secret);
});

test("F090 with skip-build there is nothing to watch: the answer comes when the image is there, or says why it is not", async () => {
  await using bench = await startBuildBench();
  bench.server.engine.builds.endAtOnce = true;
  const answer = await bench.beginImage("tools", { image: REFERENCE }, "?skip-build=true");
  expect(answer.body).toMatchObject({ build: false, image: expect.stringMatching(/^sandbox\/tools:\w+$/) });
  bench.server.engine.buildImage = () =>
    Promise.reject(new AppError("UNAUTHENTICATED", "Cannot fetch the image: the registry refuses the credentials"));
  const refused = await bench.beginImage("tools", { image: REFERENCE }, "?skip-build=true");
  expect(refused).toMatchObject({ status: 401, body: { message: expect.stringContaining("refuses") } });
  expect(await bench.readImage("tools")).toMatchObject({ metadata: { status: "FAILED" } });
});

test("F090 a sandbox from an image of a registry is answered when it serves", async () => {
  await using bench = await startBuildBench();
  bench.server.engine.builds.endAtOnce = true;
  const runtime = { image: REFERENCE, dockerConfig: DOCKER_CONFIG, memory: 256 };
  const made = await bench.server.create("box", { runtime });
  expect(made).toMatchObject({
    status: 200,
    body: {
      status: "DEPLOYED",
      spec: { runtime: { image: expect.stringMatching(/^sandbox\/box:\w+$/), memory: 256 } },
    },
  });
  expect(JSON.stringify([made.body, await bench.stored("box")])).not.toContain("dockerConfig");
  const query = "?createIfNotExist=true";
  const again = await bench.server.call("POST", `/sandboxes${query}`, { metadata: { name: "box" }, spec: { runtime } });
  expect(again).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
  expect(bench.server.engine.builds.ids()).toHaveLength(1);
  const anew = await bench.server.call("PUT", "/sandboxes/box", { spec: { runtime: { ...runtime, memory: 512 } } });
  expect(anew).toMatchObject({ status: 200, body: { status: "DEPLOYED", spec: { runtime: { memory: 512 } } } });
});

test("a dockerConfig that is none is refused without being quoted", async () => {
  await using bench = await startBuildBench();
  const answer = await bench.beginImage("tools", { image: REFERENCE, dockerConfig: `{"auths": ${PASSWORD}` }, "");
  expect(answer).toMatchObject({ status: 400, body: { error: "INVALID_ARGUMENT" } });
  expect(JSON.stringify(answer.body)).not.toContain(PASSWORD);
});

test("credentials are read as every client writes them", () => {
  const pair = { username: "robot", password: PASSWORD };
  expect(credentialsIn(JSON.stringify({ auths: { "127.0.0.1:5000": pair } }))).toEqual({ "127.0.0.1:5000": pair });
  expect(credentialsIn(DOCKER_CONFIG)).toEqual({ "registry.example.com": pair });
  expect(credentialsIn("{}")).toEqual({});
});
