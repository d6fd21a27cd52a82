import { expect, test } from "bun:test";
import { startServer, type Answer, type TestServer } from "../../testkit/server.ts";

const urlOf = ({ body }: Answer): string => (body as { spec: { url: string } }).spec.url;
const tokenOf = ({ body }: Answer): string => (body as { spec: { token: string } }).spec.token;
const idOf = (answer: Answer): string => new URL(urlOf(answer)).hostname.split(".")[0] ?? "";

async function startWithSandbox(options: Parameters<typeof startServer>[0] = {}): Promise<TestServer> {
  const server = await startServer(options);
  await server.create("shop");
  return server;
}

const createPreview = (server: TestServer, name: string, spec: unknown, query = ""): Promise<Answer> =>
  server.call("POST", `/sandboxes/shop/previews${query}`, { metadata: { name }, spec });

test("a preview is private unless asked otherwise, and known to the directory at once", async () => {
  await using server = await startWithSandbox();
  const answer = await createPreview(server, "web", {
    port: 3000,
    requestHeaders: { "X-In": "1" },
    responseHeaders: { "X-Out": "2" },
  });
  expect(answer).toMatchObject({
    status: 200,
    body: { metadata: { resourceName: "shop" }, spec: { port: 3000, public: false }, status: "DEPLOYED" },
  });
  expect(urlOf(answer)).toMatch(/^http:\/\/p[0-9a-z]{20}\.preview\.localhost:4000$/);
  expect(server.deps.directory.findPreview(idOf(answer))).toEqual({
    previewId: idOf(answer),
    sandbox: {
      sandboxId: server.engine.specs[0]?.id as never,
      workspace: "default",
      name: "shop",
      hostLabel: expect.stringMatching(/^sbx-shop-[0-9a-f]{10}$/),
    },
    port: 3000,
    isPublic: false,
    requestHeaders: { "X-In": "1" },
    responseHeaders: { "X-Out": "2" },
  });
});

test("the URL depends on nothing but the names, also after the sandbox was made anew", async () => {
  await using server = await startWithSandbox();
  const first = urlOf(await createPreview(server, "web", { port: 3000 }));
  const other = urlOf(await createPreview(server, "other", { port: 3000 }));
  await server.call("DELETE", "/sandboxes/shop/previews/web");
  expect(urlOf(await createPreview(server, "web", { port: 3001, public: true }))).toBe(first);
  await server.call("DELETE", "/sandboxes/shop");
  await server.create("shop");
  expect(urlOf(await createPreview(server, "web", { port: 3000 }))).toBe(first);
  expect(other).not.toBe(first);
});

test("two installations give the same names different URLs", async () => {
  await using one = await startWithSandbox();
  await using two = await startWithSandbox();
  const first = await createPreview(one, "web", { port: 3000 });
  expect(urlOf(await createPreview(two, "web", { port: 3000 }))).not.toBe(urlOf(first));
});

test.each([
  ["https://sandboxes.example.com/", "host", /^https:\/\/p\w{20}\.preview\.sandboxes\.example\.com$/],
  ["https://sandboxes.example.com/base", "path", /^https:\/\/sandboxes\.example\.com\/base\/preview\/p\w{20}$/],
  ["http://192.0.2.7:4000", "host", /^http:\/\/192\.0\.2\.7:4000\/preview\/p\w{20}$/],
  ["http://[::1]:4000", "host", /^http:\/\/p\w{20}\.preview\.localhost:4000$/],
] as const)("with the public URL %s and style %s a preview URL fits", async (publicUrl, previewUrlStyle, pattern) => {
  await using server = await startWithSandbox({ settings: { publicUrl, previewUrlStyle } });
  expect(urlOf(await createPreview(server, "web", { port: 3000 }))).toMatch(pattern);
});

test("a prefix and the workspace make the URL, which only one preview can have", async () => {
  await using server = await startWithSandbox();
  const answer = await createPreview(server, "one", { port: 3000, prefixUrl: "landing" });
  expect(urlOf(answer)).toBe("http://landing-default.preview.localhost:4000");
  const second = await createPreview(server, "two", { port: 3000, prefixUrl: "landing" });
  expect(second).toMatchObject({ status: 409, body: { code: 409, error: "PREVIEW_ALREADY_EXISTS" } });
  const forced = await createPreview(server, "two", { port: 3001, prefixUrl: "landing" }, "?force=true");
  expect(forced).toMatchObject({ status: 200 });
  expect(await server.call("GET", "/sandboxes/shop/previews")).toMatchObject({ body: [{ metadata: { name: "two" } }] });
  expect(server.deps.directory.findPreview("landing-default")).toMatchObject({ port: 3001 });
});

test("a taken name is 409; force replaces the preview and ends its tokens", async () => {
  await using server = await startWithSandbox();
  const first = await createPreview(server, "web", { port: 3000 });
  const token = tokenOf(await server.call("POST", "/sandboxes/shop/previews/web/tokens", {}));
  const conflict = await createPreview(server, "web", { port: 3001 });
  expect(conflict).toMatchObject({ status: 409, body: { code: 409 } });
  expect(server.deps.directory.findPreview(idOf(first))).toMatchObject({ port: 3000 });
  const forced = await createPreview(server, "web", { port: 3001 }, "?force=true");
  expect(forced).toMatchObject({ status: 200, body: { spec: { port: 3001 } } });
  expect(server.deps.directory.findPreviewToken(idOf(forced), token)).toBeUndefined();
});

test("PUT gives a preview another spec at once; its address and tokens stay", async () => {
  await using server = await startWithSandbox();
  const made = await createPreview(server, "web", { port: 3000, public: true, ttl: "1h" });
  const token = tokenOf(await server.call("POST", "/sandboxes/shop/previews/web/tokens", {}));
  const put = (spec: object, name = "web") =>
    server.call("PUT", "/sandboxes/shop/previews/web", { metadata: { name }, spec });
  const changed = await put({ port: 3001, responseHeaders: { "X-Out": "1" } });
  expect(changed).toMatchObject({ status: 200, body: { spec: { port: 3001, public: false, url: urlOf(made) } } });
  expect(changed.body).not.toHaveProperty("spec.ttl");
  const { directory } = server.deps;
  expect(directory.findPreview(idOf(made))).toMatchObject({ port: 3001, isPublic: false });
  expect(directory.findPreviewToken(idOf(made), token)).toBeDefined();
  expect(await server.call("GET", "/sandboxes/shop/previews/web")).toMatchObject({ body: changed.body });
  for (const refused of [
    await put({ port: 3001 }, "other"),
    await put({ port: 3001, prefixUrl: "elsewhere" }),
    await put({ port: 443, public: true }),
  ])
    expect(refused).toMatchObject({ status: 400, body: { error: "INVALID_ARGUMENT" } });
  expect(await server.call("PUT", "/sandboxes/shop/previews/none", { spec: { port: 1 } })).toMatchObject({
    status: 404,
  });
});

test.each([
  ["port 80", { port: 80 }, "port 80 is reserved"],
  ["port 8080", { port: 8080 }, "use port 443 to reach the sandbox API"],
  ["a public port 443", { port: 443, public: true }, "Cannot make port 443 public"],
  ["no port", {}, "spec.port"],
  ["a header name with a line break", { port: 1, responseHeaders: { "a\r\nb": "c" } }, "responseHeaders"],
  ["a header value with a line break", { port: 1, requestHeaders: { a: "b\r\nc: d" } }, "requestHeaders"],
  ["a prefix with a dot", { port: 1, prefixUrl: "a.b" }, "prefixUrl"],
  ["an unknown domain", { port: 1, customDomain: "example.com" }, 'workspace "default" has none of that name'],
])("%s is refused with 400", async (_title, spec, sentence) => {
  await using server = await startWithSandbox();
  const answer = await createPreview(server, "web", spec);
  expect(answer).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
  expect(answer.body).toHaveProperty("message", expect.stringContaining(sentence));
});

test("port 443 is the sandbox API", async () => {
  await using server = await startWithSandbox();
  const answer = await createPreview(server, "session-1", { port: 443 });
  expect(server.deps.directory.findPreview(idOf(answer))).toMatchObject({ port: 443 });
});

test("a preview ends at expires or after ttl, whichever is first", async () => {
  const nowMs = Date.parse("2030-01-01T00:00:00Z");
  await using server = await startWithSandbox({ clock: () => nowMs });
  const expires = "2030-01-01T02:00:00Z";
  const early = await createPreview(server, "early", { port: 3000, expires, ttl: "1h" });
  const late = await createPreview(server, "late", { port: 3000, expires, ttl: "1d" });
  expect(server.deps.directory.findPreview(idOf(early))?.expiresAtMs).toBe(nowMs + 3_600_000);
  expect(server.deps.directory.findPreview(idOf(late))?.expiresAtMs).toBe(nowMs + 7_200_000);
});

test("an unknown preview or token is 404 with a numeric code", async () => {
  await using server = await startWithSandbox();
  for (const [method, path] of [
    ["GET", "/sandboxes/shop/previews/none"],
    ["DELETE", "/sandboxes/shop/previews/none"],
    ["GET", "/sandboxes/shop/previews/none/tokens"],
    ["GET", "/sandboxes/nobody/previews"],
  ] as const) {
    expect(await server.call(method, path)).toMatchObject({ status: 404, body: { code: 404 } });
  }
  await createPreview(server, "web", { port: 3000 });
  const answer = await server.call("DELETE", "/sandboxes/shop/previews/web/tokens/none");
  expect(answer).toMatchObject({ status: 404, body: { code: 404, error: "PREVIEW_TOKEN_NOT_FOUND" } });
});

test("a deleted preview answers as it was, and is gone from list and directory", async () => {
  await using server = await startWithSandbox();
  const created = await createPreview(server, "web", { port: 3000 });
  const deleted = await server.call("DELETE", "/sandboxes/shop/previews/web");
  expect(deleted).toMatchObject({ status: 200, body: { metadata: { name: "web" }, status: "DEPLOYED" } });
  expect(await server.call("GET", "/sandboxes/shop/previews")).toMatchObject({ body: [] });
  expect(server.deps.directory.findPreview(idOf(created))).toBeUndefined();
});

test("a token opens its own preview until it expires, and can be deleted by name", async () => {
  let nowMs = Date.parse("2030-01-01T00:00:00Z");
  await using server = await startWithSandbox({ clock: () => nowMs });
  const id = idOf(await createPreview(server, "web", { port: 3000 }));
  const otherId = idOf(await createPreview(server, "other", { port: 3000 }));
  const created = await server.call("POST", "/sandboxes/shop/previews/web/tokens", {
    metadata: { name: "visitors" },
    spec: { expiresAt: "2030-01-01T01:00:00.000Z" },
  });
  expect(created).toMatchObject({
    status: 200,
    body: {
      metadata: { name: "visitors", previewName: "web", resourceName: "shop" },
      spec: { expiresAt: "2030-01-01T01:00:00.000Z", expired: false },
    },
  });
  const { directory } = server.deps;
  expect(directory.findPreviewToken(id, tokenOf(created))).toBeDefined();
  expect(directory.findPreviewToken(otherId, tokenOf(created))).toBeUndefined();
  expect(directory.findPreviewToken(id, `${tokenOf(created)}x`)).toBeUndefined();
  nowMs += 3_600_000;
  expect(directory.findPreviewToken(id, tokenOf(created))).toBeUndefined();
  const listed = await server.call("GET", "/sandboxes/shop/previews/web/tokens");
  expect(listed).toMatchObject({ body: [{ spec: { token: tokenOf(created), expired: true } }] });
  const lasting = tokenOf(await server.call("POST", "/sandboxes/shop/previews/web/tokens", {}));
  expect(directory.findPreviewToken(id, lasting)).toBeDefined();
  expect(await server.call("DELETE", "/sandboxes/shop/previews/web/tokens/visitors")).toMatchObject({ status: 200 });
  expect(await server.call("GET", "/sandboxes/shop/previews/web/tokens")).toMatchObject({
    body: [{ spec: { token: lasting } }],
  });
});
