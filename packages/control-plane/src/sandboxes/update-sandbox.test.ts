import { expect, test } from "bun:test";
import { startServer } from "../../testkit/server.ts";

const ENVS = [
  { name: "A", value: "1" },
  { name: "KEY", value: "hush-hush", secret: true },
];

test("the object a GET gave can be put back with labels, names and times changed, and nothing restarts", async () => {
  await using server = await startServer();
  await server.call("POST", "/sandboxes", {
    metadata: { name: "edit", labels: { a: "1" } },
    spec: { runtime: { envs: ENVS, ttl: "1h" }, lifecycle: { terminatedRetention: "1h" } },
  });
  const { body } = await server.call("GET", "/sandboxes/edit");
  const got = body as { metadata: object; spec: { runtime: object } };
  const put = await server.call("PUT", "/sandboxes/edit", {
    ...got,
    metadata: { ...got.metadata, labels: { b: "2" }, displayName: "Edited", externalId: "ext-9" },
    spec: { ...got.spec, runtime: { ...got.spec.runtime, ttl: null }, lifecycle: null },
    h2Session: null,
    h2Domain: "any.local.bl.run",
    expiresIn: 1800,
  });
  expect(put).toMatchObject({
    status: 200,
    body: { metadata: { labels: { b: "2" }, displayName: "Edited", externalId: "ext-9" }, status: "DEPLOYED" },
  });
  expect((put.body as typeof got).spec.runtime).not.toHaveProperty("ttl");
  expect((put.body as typeof got).spec).not.toHaveProperty("lifecycle");
  expect(put.body).toHaveProperty("events", (body as { events: unknown }).events);
  expect(server.engine.specs).toHaveLength(1);
  const [record] = await server.deps.store.sandboxes.all();
  expect(record?.spec.runtime.envs).toEqual(ENVS);
});

test("what an update leaves out stays", async () => {
  await using server = await startServer();
  await server.call("POST", "/sandboxes", {
    metadata: { name: "keep", labels: { a: "1" }, externalId: "ext" },
    spec: { runtime: { ttl: "1h" } },
  });
  expect(await server.call("PUT", "/sandboxes/keep", { metadata: { displayName: "K" } })).toMatchObject({
    status: 200,
    body: {
      metadata: { labels: { a: "1" }, externalId: "ext", displayName: "K" },
      spec: { runtime: { ttl: "1h" } },
    },
  });
});

test.each([
  ["image", { image: "blaxel/nextjs:latest" }],
  ["memory", { memory: 512 }],
  ["environment", { envs: [{ name: "A", value: "2" }] }],
])("a change of %s is refused: it would need a restart", async (part, runtime) => {
  await using server = await startServer();
  await server.create("fixed", { runtime: { envs: [{ name: "A", value: "1" }] } });
  const answer = await server.call("PUT", "/sandboxes/fixed", { spec: { runtime } });
  expect(answer).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
  expect(answer.body).toHaveProperty("message", expect.stringContaining(part));
});

test("an unknown sandbox is 404 with a numeric code", async () => {
  await using server = await startServer();
  for (const method of ["GET", "PUT", "DELETE"]) {
    const body = method === "PUT" ? {} : undefined;
    const answer = await server.call(method, "/sandboxes/nobody", body);
    expect(answer).toMatchObject({ status: 404, body: { code: 404, error: "SANDBOX_NOT_FOUND" } });
  }
});
