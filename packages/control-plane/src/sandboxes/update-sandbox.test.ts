import { expect, test } from "bun:test";
import { startServer } from "../../testkit/server.ts";

const ENVS = [
  { name: "A", value: "1" },
  { name: "KEY", value: "hush-hush", secret: true },
];

test("F034 F055 the object a GET gave can be put back with labels, names and times changed, and nothing restarts", async () => {
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

test("F034 what an update leaves out stays", async () => {
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
  ["a changed value", [{ name: "A", value: "2" }]],
  [
    "one more variable",
    [
      { name: "A", value: "1" },
      { name: "B", value: "2" },
    ],
  ],
  ["none of them", []],
])("F027 the environment is fixed at creation: %s is refused", async (_title, envs) => {
  await using server = await startServer();
  await server.create("fixed", { runtime: { envs: [{ name: "A", value: "1" }] } });
  const answer = await server.call("PUT", "/sandboxes/fixed", { spec: { runtime: { envs } } });
  expect(answer).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
  expect(answer.body).toHaveProperty("message", expect.stringContaining("environment"));
  expect(server.engine.specs).toHaveLength(1);
});

test("F011 updates say by whom and when, creations too", async () => {
  const time = { nowMs: 1_000 };
  await using server = await startServer({ clock: () => time.nowMs });
  const { body } = await server.create("signed");
  const { createdBy } = (body as { metadata: { createdBy: string } }).metadata;
  expect(createdBy).not.toBe("");
  time.nowMs = 2_000;
  expect(await server.call("PUT", "/sandboxes/signed", { metadata: { labels: { a: "1" } } })).toMatchObject({
    body: { metadata: { createdBy, updatedBy: createdBy, updatedAt: "1970-01-01T00:00:02.000Z" } },
  });
});

test("of many updates at once each sees the one before: no label of another is lost", async () => {
  await using server = await startServer();
  await server.create("crowded");
  const updates = [{ displayName: "D" }, { externalId: "e-1" }, { labels: { a: "1" } }];
  await Promise.all(updates.map((metadata) => server.call("PUT", "/sandboxes/crowded", { metadata })));
  expect(await server.call("GET", "/sandboxes/crowded")).toMatchObject({
    body: { metadata: { displayName: "D", externalId: "e-1", labels: { a: "1" } } },
  });
});

test("F011 of many events the last hundred are kept", async () => {
  await using server = await startServer();
  await server.create("eventful");
  for (let round = 0; round < 60; round += 1) {
    for (const enabled of [false, true]) await server.call("PUT", "/sandboxes/eventful", { spec: { enabled } });
  }
  const { body } = await server.call("GET", "/sandboxes/eventful");
  const { events } = body as { events: { status: string }[] };
  expect(events).toHaveLength(100);
  expect(events.at(-1)).toMatchObject({ status: "DEPLOYED", message: "Sandbox is enabled again" });
});

test("an unknown sandbox is 404 with a numeric code", async () => {
  await using server = await startServer();
  for (const method of ["GET", "PUT", "DELETE"]) {
    const body = method === "PUT" ? {} : undefined;
    const answer = await server.call(method, "/sandboxes/nobody", body);
    expect(answer).toMatchObject({ status: 404, body: { code: 404, error: "SANDBOX_NOT_FOUND" } });
  }
});
