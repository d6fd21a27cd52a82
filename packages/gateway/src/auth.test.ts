import { expect, test } from "bun:test";
import { API_KEY, GatewayBench, TOKEN } from "./testkit/gateway-bench.ts";

/** A bench whose app answers with the request line and headers it saw, on port 3000 and as the agent. */
async function benchWithEcho(options: ConstructorParameters<typeof GatewayBench>[0] = {}): Promise<GatewayBench> {
  const bench = new GatewayBench(options);
  for (const port of [3000, 8080]) {
    await bench.listenHttp(port, (request, response) => {
      response.setHeader("access-control-allow-origin", "*");
      response.end(JSON.stringify({ url: request.url, headers: request.headers }));
    });
  }
  return bench;
}

interface Echo {
  readonly url: string;
  readonly headers: Record<string, string>;
}

async function echoOf(answer: Response): Promise<Echo> {
  expect(answer.status).toBe(200);
  return (await answer.json()) as Echo;
}

async function codeOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { error: { code: string } }).error.code;
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

test("a browser's first visit is redirected to the clean URL with a host-only cookie", async () => {
  await using bench = await benchWithEcho();
  const url = `${bench.url}/preview/closed/a%2Fb?x=1&bl_preview_token=${TOKEN}`;
  const answer = await fetch(url, {
    redirect: "manual",
    headers: { Accept: "text/html", "Sec-Fetch-Mode": "navigate" },
  });
  expect(answer.status).toBe(302);
  expect(answer.headers.get("location")).toBe("/preview/closed/a%2Fb?x=1");
  expect(answer.headers.get("set-cookie")).toBe(
    `dormouse_preview=${TOKEN}; Path=/preview/closed; HttpOnly; SameSite=Lax`,
  );
  const cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
  expect((await echoOf(await fetch(`${bench.url}/preview/closed/a`, { headers: { Cookie: cookie } }))).url).toBe("/a");
});

test("a host-style preview sets its cookie for the whole host", async () => {
  await using bench = await benchWithEcho();
  const headers = { Host: "closed.preview.localhost:4111", "Sec-Fetch-Mode": "navigate" };
  const answer = await fetch(`${bench.url}/?bl_preview_token=${TOKEN}`, { redirect: "manual", headers });
  expect(answer.headers.get("location")).toBe("/");
  expect(answer.headers.get("set-cookie")).toContain("Path=/; HttpOnly");
});

test("an iframe or a script is served at once, with the cookie", async () => {
  await using bench = await benchWithEcho();
  const kinds: Record<string, string>[] = [
    { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", Accept: "text/html" },
    { Accept: "*/*" },
  ];
  for (const headers of kinds) {
    const answer = await fetch(`${bench.url}/preview/closed/?bl_preview_token=${TOKEN}`, {
      redirect: "manual",
      headers,
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("set-cookie")).toContain(`dormouse_preview=${TOKEN}`);
  }
});

test("a path that starts with two slashes is not turned into a redirect to another site", async () => {
  await using bench = await benchWithEcho();
  const headers = { Host: "closed.preview.localhost", Accept: "text/html" };
  const answer = await fetch(`${bench.url}/%2F/evil.test?bl_preview_token=${TOKEN}`, { redirect: "manual", headers });
  expect(answer.headers.get("location")).not.toStartWith("//");
});

test("the cookie is Secure and Partitioned over https, which only a trusted proxy can claim", async () => {
  for (const isTrusted of [true, false]) {
    await using bench = await benchWithEcho({ trustedProxies: [isTrusted ? "127.0.0.1" : "192.0.2.1"] });
    const answer = await fetch(`${bench.url}/preview/closed/?bl_preview_token=${TOKEN}`, {
      headers: { "X-Forwarded-Proto": "https" },
    });
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie.endsWith("SameSite=None; Secure; Partitioned")).toBe(isTrusted);
    expect((await echoOf(answer)).headers["x-forwarded-proto"]).toBe(isTrusted ? "https" : "http");
  }
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
