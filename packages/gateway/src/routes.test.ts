import { expect, test } from "bun:test";
import { destinationInSandbox, findPlace } from "./place.ts";
import { takeQueryParameter } from "./raw-path.ts";
import { API_KEY, GatewayBench } from "./testkit/gateway-bench.ts";

const BOOK = { directory: { findDomain: () => undefined } };

test.each([
  [
    "http://h/run/acme/sandboxes/box",
    { kind: "sandbox", workspace: "acme", name: "box", mount: "/run/acme/sandboxes/box", path: "/" },
  ],
  [
    "http://h/run/acme/sandboxes/box?x=1",
    { kind: "sandbox", workspace: "acme", name: "box", mount: "/run/acme/sandboxes/box", path: "/?x=1" },
  ],
  [
    "http://h/run/acme/sandboxes/box//filesystem//tmp",
    { kind: "sandbox", workspace: "acme", name: "box", mount: "/run/acme/sandboxes/box", path: "//filesystem//tmp" },
  ],
  ["http://h/preview/abc", { kind: "preview", previewId: "abc", mount: "/preview/abc", path: "/" }],
  ["http://h/preview/abc?q", { kind: "preview", previewId: "abc", mount: "/preview/abc", path: "/?q" }],
  ["http://abc.preview.localhost:4111/x", { kind: "preview", previewId: "abc", mount: "", path: "/x" }],
  ["http://sbx-a-1.run.example.com/x", { kind: "labelled-sandbox", label: "sbx-a-1", mount: "", path: "/x" }],
  [
    "http://abc.preview.example.com/run/acme/sandboxes/box",
    { kind: "preview", previewId: "abc", mount: "", path: "/run/acme/sandboxes/box" },
  ],
  ["/preview/abc/x", { kind: "preview", previewId: "abc", mount: "/preview/abc", path: "/x" }],
] as const)("%s leads to its place", (url, place) => {
  expect(findPlace(url, BOOK)).toEqual(place);
});

test.each([
  "http://h/",
  "http://h/v0/sandboxes",
  "http://h/run/acme",
  "http://h/run/acme/sandboxes/",
  "http://h/preview/",
  "http://h/previews/abc",
  "http://preview.localhost/x",
  "http://a.b.preview.localhost/x",
  "http://abc.previews.localhost/x",
])("%s is not the gateway's", (url) => {
  expect(findPlace(url, BOOK)).toBeUndefined();
});

test.each([
  ["/port/3000/a?b", { port: 3000, path: "/a?b" }],
  ["/port/3000", { port: 3000, path: "/" }],
  ["/port/3000?x", { port: 3000, path: "/?x" }],
  ["/port/3000x/a", { port: 8080, path: "/port/3000x/a" }],
  ["/process", { port: 8080, path: "/process" }],
])("%s in a sandbox leads to its port", (path, destination) => {
  expect(destinationInSandbox(path)).toEqual(destination);
});

test.each(["/port/80/", "/port/443/", "/port/8080/", "/port/0/", "/port/65536/"])(
  "%s in a sandbox is refused",
  (path) => {
    expect(() => destinationInSandbox(path)).toThrow("reserved");
  },
);

test.each([
  ["/a?token=x", "/a", "x"],
  ["/a?b=1&token=x%2By&c", "/a?b=1&c", "x+y"],
  ["/a?mytoken=x", "/a?mytoken=x", undefined],
  ["/a?token=%zz", "/a", "%zz"],
  ["/token=x?b", "/token=x?b", undefined],
  ["/a?token=1&token=2", "/a", "1"],
])("takeQueryParameter() cuts token out of %s and leaves the rest", (path, rest, value) => {
  expect(takeQueryParameter(path, "token")).toEqual({ path: rest, value });
});

test("a request for somewhere else is left to the server", async () => {
  await using bench = new GatewayBench();
  expect((await fetch(`${bench.url}/v0/sandboxes`)).status).toBe(418);
});

test("a reserved port is 400 with a sentence", async () => {
  await using bench = new GatewayBench();
  const answer = await fetch(`${bench.url}/run/acme/sandboxes/box/port/8080/`, {
    headers: { Authorization: `Bearer ${API_KEY}` },
  });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain("the port is reserved");
});

test("a preview on 443 is the whole sandbox URL: the API and every user port", async () => {
  await using bench = new GatewayBench({ preview: { port: 443 } });
  await bench.listenHttp(8080, (request, response) => response.end(`agent ${request.url}`));
  await bench.listenHttp(3000, (request, response) => response.end(`app ${request.url}`));
  const headers = { Host: "open.preview.localhost" };
  expect(await (await fetch(`${bench.url}/process?x`, { headers })).text()).toBe("agent /process?x");
  expect(await (await fetch(`${bench.url}/port/3000/y`, { headers })).text()).toBe("app /y");
});

test("dot segments are resolved before routing, so they cannot leave a preview's mount unnoticed", async () => {
  await using bench = new GatewayBench();
  await bench.listenHttp(3000, (request, response) => response.end(request.url));
  expect((await fetch(`${bench.url}/preview/open/%2e%2e/closed/`)).status).toBe(401);
});

test.each([
  ["disabled", 409, "SANDBOX_DISABLED"],
  ["starting", 503, "SANDBOX_UNAVAILABLE"],
] as const)(
  "F013 a sandbox that is %s refuses requests with %d, and tells strangers nothing",
  async (refusal, status, code) => {
    await using bench = new GatewayBench();
    const sandbox = { ...bench.sandbox, refusal };
    bench.addPreview({ previewId: "open", isPublic: true, sandbox });
    bench.addPreview({ previewId: "closed", sandbox });
    const opened = await fetch(`${bench.url}/preview/open/`);
    expect({ status: opened.status, body: await opened.json() }).toMatchObject({
      status,
      body: { error: { reason: code } },
    });
    expect((await fetch(`${bench.url}/preview/closed/`)).status).toBe(401);
  },
);
