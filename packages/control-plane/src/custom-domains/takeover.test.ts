import { expect, test } from "bun:test";
import { WorkspaceName } from "@dormouse/schema";
import { as } from "../../testkit/accounts.ts";
import { addDomain, addVerified, publish, served, startWithRival, verify } from "../../testkit/domains.ts";
import { addWorkspace, type TestServer } from "../../testkit/server.ts";

const TAKEN = { status: 409, body: { code: 409, error: "DOMAIN_ALREADY_EXISTS" } };

async function show(server: TestServer, spec: object, headers: Record<string, string> = {}, query = "") {
  await server.call("POST", "/sandboxes?createIfNotExist=true", { metadata: { name: "box" } }, headers);
  const body = { metadata: { name: "web" }, spec: { port: 3000, ...spec } };
  return server.call("POST", `/sandboxes/box/previews${query}`, body, headers);
}

test("F171 another workspace's domain cannot be seen, changed, verified, deleted or used", async () => {
  await using bench = await startWithRival();
  const { server, rival } = bench;
  await addVerified(server, "shop.example");
  expect((await server.call("GET", "/customdomains", undefined, rival)).body).toEqual([]);
  for (const [method, path] of [
    ["GET", ""],
    ["PUT", ""],
    ["DELETE", ""],
    ["POST", "/verify"],
  ] as const) {
    const body = method === "GET" ? undefined : {};
    expect(await server.call(method, `/customdomains/shop.example${path}`, body, rival)).toMatchObject({ status: 404 });
  }
  expect(await show(server, { customDomain: "shop.example" }, rival)).toMatchObject({ status: 400 });
  expect(served(server, "shop.example")).toBeUndefined();
});

test("F171 a verified domain, and what is above and below it, is nobody else's; its neighbours are free", async () => {
  await using bench = await startWithRival();
  const { server, rival } = bench;
  await addVerified(server, "eu.shop.example");
  for (const name of [
    "eu.shop.example",
    "EU.shop.example",
    "www.eu.shop.example",
    "a.b.eu.shop.example",
    "shop.example",
  ]) {
    expect(await addDomain(server, name, rival)).toMatchObject(TAKEN);
  }
  for (const name of ["us.shop.example", "myeu.shop.example", "eu.shop.example.org"]) {
    expect(await addVerified(server, name, rival)).toMatchObject({ body: { spec: { status: "verified" } } });
  }
  // Its owner may have more of it.
  for (const name of ["www.eu.shop.example"]) expect(await addVerified(server, name)).toMatchObject({ status: 200 });
});

test("F171 a claim without proof neither blocks nor shadows the owner, whoever was first", async () => {
  await using bench = await startWithRival();
  const { server, rival } = bench;
  for (const name of ["shop.example", "www.shop.example", "example.org"]) await addDomain(server, name, rival);
  expect(await addVerified(server, "shop.example")).toMatchObject({ body: { spec: { status: "verified" } } });
  await show(server, { customDomain: "shop.example", prefixUrl: "www" });
  expect(served(server, "www.shop.example")).toBe("box:3000 under shop.example");
  // The owner's record proves nothing for the other claim.
  const attempt = await verify(server, "shop.example", rival);
  expect(attempt).toMatchObject({ body: { spec: { status: "failed", verificationError: expect.any(String) } } });
  expect(served(server, "www.shop.example")).toBe("box:3000 under shop.example");
});

test("F171 of two claims with proof the first that is verified counts, also of one above or below", async () => {
  await using bench = await startWithRival();
  const { server, rival } = bench;
  for (const name of ["shop.example", "www.shop.example", "example.shop.example"]) {
    publish(server, await addDomain(server, name, rival));
  }
  publish(server, await addDomain(server, "shop.example"));
  await verify(server, "shop.example");
  for (const name of ["shop.example", "www.shop.example", "example.shop.example"]) {
    expect(await verify(server, name, rival)).toMatchObject(TAKEN);
    expect(await server.call("GET", `/customdomains/${name}`, undefined, rival)).toMatchObject({
      body: { spec: { status: "pending" } },
    });
  }
});

test("F171 of claims that are verified at once, one is", async () => {
  await using bench = await startWithRival();
  const { server, rival } = bench;
  publish(server, await addDomain(server, "shop.example"));
  publish(server, await addDomain(server, "www.shop.example", rival));
  const answers = await Promise.all([verify(server, "shop.example"), verify(server, "www.shop.example", rival)]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]));
});

test("F171 a domain that is free again has nothing left of its last workspace", async () => {
  await using bench = await startWithRival();
  const { server, rival } = bench;
  await addVerified(server, "shop.example");
  await show(server, { customDomain: "shop.example", prefixUrl: "www" });
  server.dns.txt.clear();
  await verify(server, "shop.example");
  // The failed one stays with its previews, but holds neither the domain nor their hosts.
  expect(await addVerified(server, "shop.example", rival)).toMatchObject({ body: { spec: { status: "verified" } } });
  expect(served(server, "www.shop.example")).toBeUndefined();
  expect(await show(server, { customDomain: "shop.example", prefixUrl: "www" }, rival)).toMatchObject({ status: 200 });
  expect(served(server, "www.shop.example")).toBe("rival/box:3000 under shop.example");
  expect(await verify(server, "shop.example")).toMatchObject({ body: { spec: { status: "failed" } } });
  expect(served(server, "www.shop.example")).toBe("rival/box:3000 under shop.example");
});

test("F172 the fallback is never another workspace's preview, also when that takes the id over", async () => {
  await using bench = await startWithRival();
  const { server, rival } = bench;
  await addVerified(server, "shop.example");
  await show(server, { prefixUrl: "free" }, rival);
  const set = (fallbackPreviewId: string) =>
    server.call("PUT", "/customdomains/shop.example", { spec: { fallbackPreviewId } });
  for (const wanted of ["free-rival", "web", "free"]) expect(await set(wanted)).toMatchObject({ status: 400 });

  // "a-b" of workspace "c" and "a" of workspace "b-c" have the same id.
  await addWorkspace(server.deps.store, WorkspaceName.parse("a-default"));
  const [workspace] = (await server.deps.store.accounts.workspaces()).filter(({ name }) => name === "a-default");
  if (workspace !== undefined) server.deps.directory.credentials.people.putWorkspace(workspace);
  await show(server, { prefixUrl: "x-a" });
  expect(await set("x-a-default")).toMatchObject({ status: 200 });
  expect(served(server, "any.shop.example")).toBe("box:3000 as fallback of shop.example");
  await server.call("DELETE", "/sandboxes/box/previews/web");
  const other = as(server.apiKey, "a-default");
  expect(await show(server, { prefixUrl: "x" }, other)).toMatchObject({ status: 200 });
  expect(server.deps.directory.findPreview("x-a-default")?.sandbox.workspace).toBe("a-default");
  expect(served(server, "any.shop.example")).toBeUndefined();
});

test("F171 with the workspace its domains go, and are free for others", async () => {
  await using bench = await startWithRival();
  const { server, rival } = bench;
  await addVerified(server, "shop.example", rival);
  expect(await addDomain(server, "shop.example")).toMatchObject(TAKEN);
  await server.call("DELETE", "/workspaces/rival");
  expect(await addVerified(server, "shop.example")).toMatchObject({ body: { spec: { status: "verified" } } });
  await show(server, { customDomain: "shop.example" });
  expect(served(server, "shop.example")).toBe("box:3000 under shop.example");
});
