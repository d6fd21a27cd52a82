import { expect, test } from "bun:test";
import { benchWithEcho, echoOf } from "./testkit/echo-bench.ts";
import { API_KEY, TOKEN } from "./testkit/gateway-bench.ts";

async function codeOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { error: { reason: string } }).error.reason;
}

test("a public preview needs no credential, and a token sent anyway does not reach the app", async () => {
  await using bench = await benchWithEcho();
  const echo = await echoOf(await fetch(`${bench.url}/preview/open/a?x=1&bl_preview_token=${TOKEN}&y=2`));
  expect(echo.url).toBe("/a?x=1&y=2");
});

test.each(["", "?bl_preview_token=wrong", "?bl_preview_token="])("a private preview with %p is 401", async (query) => {
  await using bench = await benchWithEcho();
  const answer = await fetch(`${bench.url}/preview/closed/${query}`);
  expect(answer.status).toBe(401);
  expect(answer.headers.get("x-blaxel-source")).toBe("platform");
  expect(await codeOf(answer)).toBe("UNAUTHENTICATED");
});

test("a private preview opens with the token as query, header or cookie, and the app sees none of them", async () => {
  await using bench = await benchWithEcho();
  const ways: [string, Record<string, string>][] = [
    [`?bl_preview_token=${TOKEN}`, {}],
    ["", { "X-Blaxel-Preview-Token": TOKEN }],
    ["", { Cookie: `a=1; dormouse_preview=${TOKEN}` }],
    ["?bl_preview_token=wrong", { Cookie: `dormouse_preview=old; dormouse_preview=${TOKEN}` }],
  ];
  for (const [query, headers] of ways) {
    const echo = await echoOf(await fetch(`${bench.url}/preview/closed/a${query}`, { headers }));
    expect(JSON.stringify(echo)).not.toContain(TOKEN);
    expect(echo.url).toBe("/a");
  }
});

test("an API key of the workspace opens its private previews and does not reach the app", async () => {
  await using bench = await benchWithEcho();
  for (const name of ["X-Blaxel-Authorization", "Authorization"]) {
    const echo = await echoOf(
      await fetch(`${bench.url}/preview/closed/`, { headers: { [name]: `Bearer ${API_KEY}` } }),
    );
    expect(JSON.stringify(echo)).not.toContain(API_KEY);
  }
});

test("a token of one preview does not open another", async () => {
  await using bench = await benchWithEcho();
  bench.addPreview({ previewId: "other" });
  expect((await fetch(`${bench.url}/preview/other/?bl_preview_token=${TOKEN}`)).status).toBe(401);
});

test("an unknown preview is 404 ROUTE_NOT_FOUND, an expired one 410", async () => {
  await using bench = await benchWithEcho();
  bench.addPreview({ previewId: "past", isPublic: true, expiresAtMs: Date.now() - 1 });
  const unknown = await fetch(`${bench.url}/preview/nowhere/`);
  expect(unknown.status).toBe(404);
  expect(await codeOf(unknown)).toBe("ROUTE_NOT_FOUND");
  expect((await fetch(`${bench.url}/preview/past/`)).status).toBe(410);
});

test("responseHeaders of a preview replace the app's, and are on errors too", async () => {
  await using bench = await benchWithEcho({
    preview: { responseHeaders: { "Access-Control-Allow-Origin": "http://localhost:3000", "X-Own": "1" } },
  });
  for (const path of ["/preview/open/", "/preview/closed/"]) {
    const answer = await fetch(bench.url + path);
    expect(answer.headers.get("access-control-allow-origin")).toBe("http://localhost:3000");
    expect(answer.headers.get("x-own")).toBe("1");
  }
});

test("requestHeaders of a preview reach the app and win over the client's", async () => {
  await using bench = await benchWithEcho({
    preview: { requestHeaders: { Authorization: "Basic app", "X-Extra": "1" } },
  });
  const echo = await echoOf(await fetch(`${bench.url}/preview/open/`, { headers: { Authorization: "Bearer mine" } }));
  expect(echo.headers).toMatchObject({ authorization: "Basic app", "x-extra": "1" });
});

test("a preflight is answered from responseHeaders without a token", async () => {
  await using bench = await benchWithEcho({
    preview: { responseHeaders: { "Access-Control-Allow-Origin": "http://localhost:3000" } },
  });
  const answer = await fetch(`${bench.url}/preview/closed/`, { method: "OPTIONS" });
  expect(answer.status).toBe(204);
  expect(answer.headers.get("access-control-allow-origin")).toBe("http://localhost:3000");
});

test("a preflight to a session without CORS headers of its own is allowed", async () => {
  await using bench = await benchWithEcho({ preview: { port: 443 } });
  const headers = {
    Origin: "http://app.test",
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "x-blaxel-preview-token",
  };
  const answer = await fetch(`${bench.url}/preview/closed/process`, { method: "OPTIONS", headers });
  expect(answer.status).toBe(204);
  expect(answer.headers.get("access-control-allow-headers")).toBe("x-blaxel-preview-token");
});

test("OPTIONS to an app without CORS headers on the preview is the app's to answer", async () => {
  await using bench = await benchWithEcho();
  expect((await echoOf(await fetch(`${bench.url}/preview/open/o`, { method: "OPTIONS" }))).url).toBe("/o");
});

test("a sandbox URL takes the API key as any of its three carriers and refuses everything else", async () => {
  await using bench = await benchWithEcho();
  const url = `${bench.url}/run/acme/sandboxes/box/port/3000/x`;
  const good: [string, Record<string, string>][] = [
    ["", { "X-Blaxel-Authorization": `Bearer ${API_KEY}`, "X-Blaxel-Workspace": "acme" }],
    ["", { Authorization: `bearer ${API_KEY}` }],
    [`?token=${API_KEY}`, {}],
  ];
  for (const [query, headers] of good) {
    const echo = await echoOf(await fetch(url + query, { headers }));
    expect(echo.url).toBe("/x");
    expect(JSON.stringify(echo)).not.toContain(API_KEY);
    expect(echo.headers).not.toHaveProperty("x-blaxel-workspace");
  }
  for (const headers of [{}, { Authorization: "Bearer wrong" }, { Authorization: API_KEY }] as Record<
    string,
    string
  >[]) {
    expect((await fetch(url, { headers })).status).toBe(401);
  }
});

test("an app's own token parameter stays when the key came another way", async () => {
  await using bench = await benchWithEcho();
  const answer = await fetch(`${bench.url}/run/acme/sandboxes/box/x?token=mine`, {
    headers: { Authorization: `Bearer ${API_KEY}` },
  });
  expect((await echoOf(answer)).url).toBe("/x?token=mine");
});

test("a workspace header for another workspace is 403", async () => {
  await using bench = await benchWithEcho();
  const headers = { Authorization: `Bearer ${API_KEY}`, "X-Blaxel-Workspace": "other" };
  expect((await fetch(`${bench.url}/run/acme/sandboxes/box/`, { headers })).status).toBe(403);
});

test("an unknown sandbox is 401 to a stranger and 404 to a member", async () => {
  await using bench = await benchWithEcho();
  const url = `${bench.url}/run/acme/sandboxes/nobody/`;
  expect((await fetch(url)).status).toBe(401);
  expect((await fetch(url, { headers: { Authorization: `Bearer ${API_KEY}` } })).status).toBe(404);
});

test("a browser gets an error as a page, with quoted text escaped", async () => {
  await using bench = await benchWithEcho();
  const answer = await fetch(`${bench.url}/preview/a%3Cb%22/`, { headers: { Accept: "text/html,*/*" } });
  expect(answer.headers.get("content-type")).toContain("text/html");
  expect(await answer.text()).not.toContain('a%3Cb%22"<');
});
