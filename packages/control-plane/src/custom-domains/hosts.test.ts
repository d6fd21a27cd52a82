import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addDomain, addVerified, served, verify } from "../../testkit/domains.ts";
import { startServer, type Answer, type ServerOptions, type TestServer } from "../../testkit/server.ts";

const PUBLIC = { settings: { publicUrl: "https://box.dormouse.example:8443/base" } };
const DOMAIN = "shop.example";

/** A server with sandboxes "one" and "two" and a verified domain. */
async function startWithDomain(options: ServerOptions = PUBLIC): Promise<TestServer> {
  const server = await startServer(options);
  for (const name of ["one", "two"]) await server.create(name);
  await addVerified(server, DOMAIN);
  return server;
}

function show(server: TestServer, sandbox: string, spec: object, query = ""): Promise<Answer> {
  const body = { metadata: { name: "web" }, spec: { port: 3000, ...spec } };
  return server.call("POST", `/sandboxes/${sandbox}/previews${query}`, body);
}

const setFallback = (server: TestServer, fallbackPreviewId: string | null): Promise<Answer> =>
  server.call("PUT", `/customdomains/${DOMAIN}`, { spec: { fallbackPreviewId } });

test("F170 F171 a preview is at its prefix below the domain, or at the domain itself; its URL says so", async () => {
  await using server = await startWithDomain();
  const prefixed = await show(server, "one", { customDomain: "Shop.Example", prefixUrl: "www" });
  expect(prefixed).toMatchObject({
    status: 200,
    body: { spec: { customDomain: DOMAIN, prefixUrl: "www", url: "https://www.shop.example:8443" } },
  });
  expect((await server.call("GET", "/sandboxes/one/previews/web")).body).toEqual(prefixed.body);
  const apex = await show(server, "two", { customDomain: DOMAIN });
  expect(apex).toMatchObject({ status: 200, body: { spec: { url: "https://shop.example:8443" } } });
  expect(served(server, "www.shop.example")).toBe("one:3000 under shop.example");
  expect(served(server, "shop.example")).toBe("two:3000 under shop.example");
  for (const host of ["other.shop.example", "a.www.shop.example", "myshop.example", "example", "shop.example.", ""]) {
    expect(served(server, host)).toBeUndefined();
  }
  expect(served(server, `${"a.".repeat(20_000)}shop.example`)).toBeUndefined();
});

test("F170 an empty domain is none", async () => {
  await using server = await startWithDomain();
  const answer = await show(server, "one", { customDomain: "" });
  expect(answer).toMatchObject({ body: { spec: { url: expect.stringContaining(".preview.box.dormouse.example") } } });
});

test("F171 a domain that is not verified takes no preview, and the refusal says what to put into DNS", async () => {
  await using server = await startServer(PUBLIC);
  await server.create("one");
  await addDomain(server, DOMAIN);
  const refused = await show(server, "one", { customDomain: DOMAIN });
  expect(refused).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
  const { message } = refused.body as { message: string };
  expect(message).toContain('TXT record "_dormouse-challenge.shop.example" with the value "dormouse-verification=');
  expect(message).toContain('CNAME record "*.shop.example" that points to "box.dormouse.example"');
  await verify(server, DOMAIN);
  expect(await show(server, "one", { customDomain: DOMAIN })).toMatchObject({ status: 400 });
});

test("F170 a taken prefix is 409; force replaces the preview that has it", async () => {
  await using server = await startWithDomain();
  const landing = { customDomain: DOMAIN, prefixUrl: "landing" };
  await show(server, "one", landing);
  expect(await show(server, "two", landing)).toMatchObject({ status: 409, body: { error: "PREVIEW_ALREADY_EXISTS" } });
  expect(served(server, "landing.shop.example")).toBe("one:3000 under shop.example");
  expect(await show(server, "two", landing, "?force=true")).toMatchObject({ status: 200 });
  expect(served(server, "landing.shop.example")).toBe("two:3000 under shop.example");
  expect((await server.call("GET", "/sandboxes/one/previews")).body).toEqual([]);
  // Without the domain the same prefix is another address.
  expect(await show(server, "one", { prefixUrl: "landing" })).toMatchObject({ status: 200 });
});

test("F170 a preview that moves to another host leaves the first one", async () => {
  await using server = await startWithDomain();
  await show(server, "one", { customDomain: DOMAIN, prefixUrl: "old" });
  await show(server, "one", { customDomain: DOMAIN, prefixUrl: "new" }, "?force=true");
  expect(served(server, "old.shop.example")).toBeUndefined();
  expect(served(server, "new.shop.example")).toBe("one:3000 under shop.example");
  await show(server, "one", {}, "?force=true");
  expect(served(server, "new.shop.example")).toBeUndefined();
});

test("F171 deletion and expiry of a preview, its sandbox and its domain are effective at once", async () => {
  let nowMs = Date.parse("2030-01-01T00:00:00Z");
  await using server = await startWithDomain({ ...PUBLIC, clock: () => nowMs });
  const spec = { customDomain: DOMAIN, prefixUrl: "www" };
  const host = "www.shop.example";
  await show(server, "one", spec);
  await server.call("DELETE", "/sandboxes/one/previews/web");
  expect(served(server, host)).toBeUndefined();
  await show(server, "one", { ...spec, ttl: "1m" });
  nowMs += 59_999;
  expect(served(server, host)).toBe("one:3000 under shop.example");
  nowMs += 1;
  expect(served(server, host)).toBeUndefined();
  await show(server, "two", spec, "?force=true");
  await server.call("DELETE", "/sandboxes/two");
  expect(served(server, host)).toBeUndefined();
  await show(server, "one", spec, "?force=true");
  await server.call("DELETE", `/customdomains/${DOMAIN}`);
  expect(served(server, host)).toBeUndefined();
  expect((await server.call("GET", "/sandboxes/one/previews")).body).toEqual([]);
});

test("F171 a domain whose record is gone serves nothing from its next verification on, and serves again when it is back", async () => {
  await using server = await startWithDomain();
  await show(server, "one", { customDomain: DOMAIN, prefixUrl: "www" });
  const records = new Map(server.dns.txt);
  server.dns.txt.clear();
  expect(served(server, "www.shop.example")).toBe("one:3000 under shop.example");
  expect(await verify(server, DOMAIN)).toMatchObject({ body: { spec: { status: "failed" } } });
  expect(served(server, "www.shop.example")).toBeUndefined();
  for (const [name, values] of records) server.dns.txt.set(name, values);
  await verify(server, DOMAIN);
  expect(served(server, "www.shop.example")).toBe("one:3000 under shop.example");
});

test("F172 a host that no preview has is served by the fallback of the longest domain", async () => {
  await using server = await startWithDomain();
  await addVerified(server, `eu.${DOMAIN}`);
  await show(server, "one", { customDomain: DOMAIN, prefixUrl: "landing" });
  await show(server, "two", { customDomain: DOMAIN, prefixUrl: "www" });
  expect(await setFallback(server, "landing")).toMatchObject({ status: 200 });
  const fallback = "one:3000 as fallback of shop.example";
  for (const host of ["unknown.shop.example", "a.b.shop.example", "shop.example"]) {
    expect(served(server, host)).toBe(fallback);
  }
  expect(served(server, "landing.shop.example")).toBe("one:3000 under shop.example");
  expect(served(server, "www.shop.example")).toBe("two:3000 under shop.example");
  // The longer domain has none, and does not borrow one.
  expect(served(server, "unknown.eu.shop.example")).toBeUndefined();
  expect(await setFallback(server, null)).toMatchObject({ status: 200 });
  expect(served(server, "unknown.shop.example")).toBeUndefined();
});

test("F172 the fallback is named by prefix, by name or by id, and answered by its id", async () => {
  await using server = await startWithDomain();
  const { body } = await show(server, "one", {});
  const id = new URL((body as { spec: { url: string } }).spec.url).hostname.split(".")[0] ?? "";
  for (const wanted of [id, "web"]) {
    await setFallback(server, "");
    expect(await setFallback(server, wanted)).toMatchObject({ body: { spec: { fallbackPreviewId: id } } });
    expect(served(server, "any.shop.example")).toBe("one:3000 as fallback of shop.example");
  }
  expect(await setFallback(server, "nobody")).toMatchObject({ status: 400, body: { error: "INVALID_ARGUMENT" } });
  await show(server, "two", {});
  expect(await setFallback(server, id)).toMatchObject({ status: 200 });
  expect(await setFallback(server, "web")).toMatchObject({ status: 400 });
});

test("F172 a fallback that is gone or has expired is as if there were none, until it is back", async () => {
  let nowMs = Date.parse("2030-01-01T00:00:00Z");
  await using server = await startWithDomain({ ...PUBLIC, clock: () => nowMs });
  const unknown = "unknown.shop.example";
  await show(server, "one", { ttl: "1m" });
  const set = await setFallback(server, "web");
  expect(served(server, unknown)).toBeDefined();
  nowMs += 60_000;
  expect(served(server, unknown)).toBeUndefined();
  await server.call("DELETE", "/sandboxes/one");
  expect(served(server, unknown)).toBeUndefined();
  // What a client reads it can send back.
  expect(await server.call("PUT", `/customdomains/${DOMAIN}`, set.body)).toMatchObject({ status: 200 });
  await server.create("one");
  await show(server, "one", {});
  expect(served(server, unknown)).toBe("one:3000 as fallback of shop.example");
});

test("F172 where a host's own preview has expired, the fallback serves it", async () => {
  let nowMs = Date.parse("2030-01-01T00:00:00Z");
  await using server = await startWithDomain({ ...PUBLIC, clock: () => nowMs });
  await show(server, "one", { customDomain: DOMAIN, prefixUrl: "www", ttl: "1m" });
  await show(server, "two", { customDomain: DOMAIN, prefixUrl: "landing" });
  await setFallback(server, "landing");
  nowMs += 60_000;
  expect(served(server, "www.shop.example")).toBe("two:3000 as fallback of shop.example");
});

test("F171 F172 hosts and fallback survive a restart", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-domains-"));
  try {
    const options = { ...PUBLIC, sqlitePath: join(folder, "test.db") };
    const before = await startWithDomain(options);
    const { engine } = before;
    try {
      await addDomain(before, "pending.example");
      await show(before, "one", { customDomain: DOMAIN, prefixUrl: "www" });
      await setFallback(before, "www");
    } finally {
      await before[Symbol.asyncDispose]();
    }
    await using server = await startServer({ ...options, engine });
    expect(served(server, "www.shop.example")).toBe("one:3000 under shop.example");
    expect(served(server, "unknown.shop.example")).toBe("one:3000 as fallback of shop.example");
    expect(served(server, "pending.example")).toBeUndefined();
    await server.call("DELETE", "/sandboxes/one/previews/web");
    expect(served(server, "unknown.shop.example")).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true });
  }
});
