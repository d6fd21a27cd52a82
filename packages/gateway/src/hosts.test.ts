import { expect, test } from "bun:test";
import { benchWithEcho, echoOf } from "./testkit/echo-bench.ts";
import { API_KEY } from "./testkit/gateway-bench.ts";

test("a sandbox has a host of its own, with the same doors as its path", async () => {
  await using bench = await benchWithEcho();
  const headers = { Host: "sbx-box-1.run.localhost:4111" };
  expect((await fetch(`${bench.url}/process`, { headers })).status).toBe(401);
  const withKey = { ...headers, Authorization: `Bearer ${API_KEY}` };
  expect((await echoOf(await fetch(`${bench.url}/process?a`, { headers: withKey }))).url).toBe("/process?a");
  expect((await echoOf(await fetch(`${bench.url}/port/3000/b`, { headers: withKey }))).url).toBe("/b");
  const unknown = await fetch(bench.url, { headers: { ...withKey, Host: "sbx-none-1.run.localhost" } });
  expect(unknown.status).toBe(404);
});

test("with a domain, only hosts under it and under localhost are ours", async () => {
  await using bench = await benchWithEcho({ domain: "boxes.example" });
  const statusOf = async (host: string): Promise<number> =>
    (await fetch(`${bench.url}/`, { headers: { Host: host } })).status;
  for (const host of ["open.preview.boxes.example", "open.preview.boxes.example:8443", "open.preview.localhost"])
    expect(await statusOf(host)).toBe(200);
  const foreign = ["open.preview.evil.example", "open.preview.boxes.example.evil", "open.preview.evilboxes.example"];
  for (const host of [...foreign, "open.constructor.boxes.example"]) expect(await statusOf(host)).toBe(418);
  const page = await fetch(`${bench.url}/preview/open/x`, { headers: { Accept: "text/html" }, redirect: "manual" });
  expect(page.headers.get("location")).toBe(`http://open.preview.boxes.example:${bench.port}/x`);
});

test("F171 a custom domain is its preview, on every path", async () => {
  await using bench = await benchWithEcho();
  bench.addDomain("app.example.com", "open");
  bench.addDomain("private.example.com", "closed");
  bench.addDomain("open.preview.example.com", "closed");
  expect((await fetch(bench.url, { headers: { Host: "open.preview.example.com" } })).status).toBe(401);
  const host = { Host: "APP.example.com:8080", "X-Blaxel-Fallback": "true", "X-Blaxel-Fallback-Preview": "spoofed" };
  const echo = await echoOf(await fetch(`${bench.url}/run/acme/sandboxes/box`, { headers: host }));
  expect(echo.url).toBe("/run/acme/sandboxes/box");
  expect(Object.keys(echo.headers).filter((name) => name.startsWith("x-blaxel-"))).toEqual([]);
  expect((await fetch(bench.url, { headers: { Host: "private.example.com" } })).status).toBe(401);
  expect((await fetch(bench.url, { headers: { Host: "app.example.org" } })).status).toBe(418);
});

test("F172 a fallback preview is told that it is one and for which host", async () => {
  await using bench = await benchWithEcho();
  bench.addDomain("nobody.example.com", "open", { isFallback: true });
  const host = { Host: "nobody.example.com", "X-Blaxel-Fallback-Domain": "spoofed" };
  const echo = await echoOf(await fetch(`${bench.url}/a`, { headers: host }));
  expect(echo.headers).toMatchObject({
    "x-blaxel-fallback": "true",
    "x-blaxel-fallback-preview": "nobody",
    "x-blaxel-fallback-domain": "example.com",
  });
});

test("with hostHeader the app sees localhost as its host and as the origin of its own pages only", async () => {
  await using bench = await benchWithEcho({ preview: { hostHeader: "localhost" } });
  const seenWith = async (origin: string): Promise<Record<string, string>> => {
    const headers = { Host: "open.preview.localhost:4111", Origin: origin };
    return (await echoOf(await fetch(`${bench.url}/`, { headers }))).headers;
  };
  expect(await seenWith("http://open.preview.localhost:4111")).toMatchObject({
    host: "localhost:3000",
    origin: "http://localhost:3000",
    "x-forwarded-host": "open.preview.localhost:4111",
  });
  expect(await seenWith("http://evil.example")).toMatchObject({ origin: "http://evil.example" });
});
