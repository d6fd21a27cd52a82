import { describe, expect, test } from "bun:test";
import { benchWithEcho, echoOf } from "./testkit/echo-bench.ts";
import { API_KEY, type GatewayBench, TOKEN } from "./testkit/gateway-bench.ts";

const TOP = { Accept: "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };
const IFRAME = { ...TOP, "Sec-Fetch-Dest": "iframe" };
const OWN_HOST = { Host: "closed.preview.localhost:4111" };

const visit = (bench: GatewayBench, path: string, headers: Readonly<Record<string, string>>): Promise<Response> =>
  fetch(bench.url + path, { redirect: "manual", headers });

const pairsOf = (answer: Response): string[] =>
  answer.headers.getSetCookie().map((line) => line.split(";")[0] as string);

describe("F174 F283 the first visit with a token in the address", () => {
  test("leads a page of its own to the clean address, with host-only cookies that pass later requests", async () => {
    await using bench = await benchWithEcho();
    const first = await visit(bench, `/a%2Fb?x=1&bl_preview_token=${TOKEN}`, { ...OWN_HOST, ...TOP });
    expect(first.status).toBe(302);
    expect(first.headers.get("location")).toBe("/a%2Fb?x=1");
    expect(first.headers.get("referrer-policy")).toBe("no-referrer");
    expect(first.headers.getSetCookie()).toEqual([
      `dormouse_preview=${TOKEN}; Path=/; HttpOnly; SameSite=Lax`,
      `__Host-dormouse_preview=${TOKEN}; Path=/; HttpOnly; Secure; SameSite=None; Partitioned`,
    ]);
    for (const cookie of pairsOf(first)) {
      const echo = await echoOf(await visit(bench, "/asset.js", { ...OWN_HOST, Cookie: `app=1; ${cookie}` }));
      expect(echo).toMatchObject({ url: "/asset.js", headers: { cookie: "app=1" } });
    }
  });

  test("serves an iframe at once, with the cookies, and lets no Referer carry the token on", async () => {
    await using bench = await benchWithEcho();
    const first = await visit(bench, `/?bl_preview_token=${TOKEN}`, { ...OWN_HOST, ...IFRAME });
    expect(first.status).toBe(200);
    expect(first.headers.get("referrer-policy")).toBe("same-origin");
    expect(pairsOf(first)).toHaveLength(2);
    const referer = `http://closed.preview.localhost:4111/?bl_preview_token=${TOKEN}&x=1`;
    const asset = await visit(bench, "/asset.js", { ...OWN_HOST, Cookie: pairsOf(first)[0] ?? "", Referer: referer });
    expect((await echoOf(asset)).headers["referer"]).toBe("http://closed.preview.localhost:4111/?x=1");
  });

  test("keeps cookies no longer than the token lives", async () => {
    await using bench = await benchWithEcho();
    bench.tokenExpiresAtMs = Date.now() + 90_500;
    const first = await visit(bench, `/?bl_preview_token=${TOKEN}`, { ...OWN_HOST, ...TOP });
    for (const line of first.headers.getSetCookie()) expect(line).toMatch(/; Max-Age=(89|90)$/);
  });

  test("makes the cookie Secure and the host's alone over https, which only a trusted proxy can claim", async () => {
    for (const isTrusted of [true, false]) {
      await using bench = await benchWithEcho({ trustedProxies: [isTrusted ? "127.0.0.1" : "192.0.2.1"] });
      const headers = { Host: "closed.preview.example.com", "X-Forwarded-Proto": "https" };
      const answer = await visit(bench, `/?bl_preview_token=${TOKEN}`, headers);
      expect(answer.headers.getSetCookie()).toEqual([
        isTrusted
          ? `__Host-dormouse_preview=${TOKEN}; Path=/; HttpOnly; Secure; SameSite=None; Partitioned`
          : `dormouse_preview=${TOKEN}; Path=/; HttpOnly; SameSite=Lax`,
      ]);
      expect((await echoOf(answer)).headers["x-forwarded-proto"]).toBe(isTrusted ? "https" : "http");
    }
  });

  test("never leads to another site", async () => {
    await using bench = await benchWithEcho();
    for (const path of ["//evil.test", "/%2F/evil.test", "//evil.test/%2e%2e", "/\\evil.test"]) {
      const answer = await visit(bench, `${path}?bl_preview_token=${TOKEN}`, { ...OWN_HOST, ...TOP });
      const location = answer.headers.get("location") ?? "/";
      expect(new URL(location, "http://closed.preview.localhost:4111").host).toBe("closed.preview.localhost:4111");
    }
  });
});

describe("a page under a path of the shared host", () => {
  test("is opened on a host of its own instead, the token going along", async () => {
    await using bench = await benchWithEcho();
    const own = (id: string): string => `http://${id}.preview.localhost:${bench.port}`;
    for (const headers of [TOP, IFRAME, { Accept: "text/html" }]) {
      const open = await visit(bench, "/preview/open/a?x=1", headers);
      expect([open.status, open.headers.get("location")]).toEqual([302, `${own("open")}/a?x=1`]);
      const closed = await visit(bench, `/preview/closed/a?bl_preview_token=${TOKEN}`, headers);
      expect(closed.headers.get("location")).toBe(`${own("closed")}/a?bl_preview_token=${TOKEN}`);
      expect(closed.headers.getSetCookie()).toEqual([]);
      expect((await visit(bench, "/preview/closed/a", headers)).status).toBe(401);
    }
  });

  test("is served to programs, whatever they accept", async () => {
    await using bench = await benchWithEcho();
    expect((await visit(bench, "/preview/open/a", {})).status).toBe(200);
    const byKey = await visit(bench, "/preview/closed/a", { ...TOP, Authorization: `Bearer ${API_KEY}` });
    expect(byKey.status).toBe(200);
  });

  test("has no origin where there is no host of its own: it reads no cookie and calls no API as the visitor", async () => {
    await using bench = await benchWithEcho();
    const address = { ...TOP, Host: "192.0.2.7:4111" };
    const first = await visit(bench, `/preview/closed/?type=text/html&bl_preview_token=${TOKEN}`, address);
    expect(first.headers.get("location")).toBe("/preview/closed/?type=text/html");
    expect(first.headers.getSetCookie()).toEqual([
      `dormouse_preview=${TOKEN}; Path=/preview/closed; HttpOnly; SameSite=Lax`,
    ]);
    const policy = async (query: string): Promise<string | null> => {
      const answer = await visit(bench, `/preview/open/${query}`, address);
      return answer.headers.get("content-security-policy");
    };
    for (const type of ["text/html", "image/svg%2Bxml", "application/xhtml%2Bxml"])
      expect(await policy(`?type=${type}`)).toMatch(/^sandbox (?!.*allow-same-origin)/);
    expect(await policy("")).toMatch(/^sandbox /);
    expect(await policy("?type=application/json")).toBeNull();
    const api = `/run/acme/sandboxes/box/port/3000/?type=text/html&token=${API_KEY}`;
    expect((await visit(bench, api, TOP)).headers.get("content-security-policy")).toMatch(/^sandbox /);
    expect((await visit(bench, "/?type=text/html", OWN_HOST)).headers.get("content-security-policy")).toBeNull();
  });
});

describe("the page of a sandbox's terminal, opened with a key in the address", () => {
  const RUN_HOST = { Host: "sbx-box-1.run.localhost:4111" };
  const OPEN = `/terminal?sessionId=a&token=${API_KEY}`;

  test("is opened on the sandbox's own host, and there at a clean address with a cookie for the terminal alone", async () => {
    await using bench = await benchWithEcho();
    const shared = await visit(bench, `/run/acme/sandboxes/box${OPEN}`, TOP);
    expect(shared.status).toBe(302);
    expect(shared.headers.get("location")).toBe(`http://sbx-box-1.run.localhost:${bench.port}${OPEN}`);
    expect(shared.headers.getSetCookie()).toEqual([]);
    const own = await visit(bench, OPEN, { ...RUN_HOST, ...TOP });
    expect([own.status, own.headers.get("location")]).toEqual([302, "/terminal?sessionId=a"]);
    expect(own.headers.getSetCookie()).toEqual([
      `dormouse_terminal=${API_KEY}; Path=/terminal; HttpOnly; SameSite=Lax`,
    ]);
  });

  test("goes on with the cookie, which opens nothing else and helps no other page", async () => {
    await using bench = await benchWithEcho();
    const headers = { ...RUN_HOST, Cookie: `dormouse_terminal=tossed; dormouse_terminal=${API_KEY}` };
    for (const path of ["/terminal?sessionId=a", "/terminal/ws"]) {
      const echo = await echoOf(await visit(bench, path, headers));
      expect(echo.url).toBe(path);
      expect(echo.headers).not.toHaveProperty("cookie");
    }
    for (const path of ["/process", "/terminals", "/port/3000/terminal"])
      expect((await visit(bench, path, headers)).status).toBe(401);
    const preview = { ...headers, Origin: "http://open.preview.localhost:4111" };
    expect((await visit(bench, "/terminal/ws", preview)).status).toBe(401);
    bench.isKeyLive = false;
    expect((await visit(bench, "/terminal", headers)).status).toBe(401);
  });

  test("is served where there is no host of its own, or when the key came with a program", async () => {
    await using bench = await benchWithEcho();
    const path = "/run/acme/sandboxes/box/terminal";
    expect((await visit(bench, `${path}?token=${API_KEY}`, { ...TOP, Host: "192.0.2.7:4111" })).status).toBe(200);
    expect((await visit(bench, path, { ...TOP, Authorization: `Bearer ${API_KEY}` })).status).toBe(200);
  });
});

test("a cookie that a sibling sandbox tossed opens nothing and shuts nobody out", async () => {
  await using bench = await benchWithEcho();
  bench.addPreview({ previewId: "sibling" });
  const tossed = "dormouse_preview=of-another; dormouse_preview=%zz; __Host-dormouse_preview=x";
  expect((await visit(bench, "/", { ...OWN_HOST, Cookie: tossed })).status).toBe(401);
  const both = await visit(bench, "/", { ...OWN_HOST, Cookie: `${tossed}; dormouse_preview=${TOKEN}` });
  expect((await echoOf(both)).headers).not.toHaveProperty("cookie");
  const stolen = { Host: "sibling.preview.localhost:4111", Cookie: `dormouse_preview=${TOKEN}` };
  expect((await visit(bench, "/", stolen)).status).toBe(401);
});

test("another page's requests do not use the visitor's cookie, unless the preview's CORS headers welcome its origin", async () => {
  await using bench = await benchWithEcho({
    preview: { responseHeaders: { "access-control-allow-origin": "http://localhost:3000" } },
  });
  const statusWith = async (headers: Readonly<Record<string, string>>): Promise<number> =>
    (await visit(bench, "/", { ...OWN_HOST, Cookie: `dormouse_preview=${TOKEN}`, ...headers })).status;
  const ours: Record<string, string>[] = [
    {},
    { "Sec-Fetch-Site": "same-origin", Origin: "http://closed.preview.localhost:4111" },
    { "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate" },
    { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe" },
    { "Sec-Fetch-Site": "cross-site", Origin: "http://localhost:3000" },
  ];
  const theirs: Record<string, string>[] = [
    { "Sec-Fetch-Site": "same-site", Origin: "http://sibling.preview.localhost:4111" },
    { "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script" },
    { "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", Origin: "http://sibling.preview.localhost:4111" },
    { Origin: "http://xclosed.preview.localhost:4111" },
    { Origin: "null" },
  ];
  for (const headers of ours) expect([headers, await statusWith(headers)]).toEqual([headers, 200]);
  for (const headers of theirs) expect([headers, await statusWith(headers)]).toEqual([headers, 401]);
});

test("an app cannot set a cookie of the platform's name", async () => {
  await using bench = await benchWithEcho();
  await bench.listenHttp(3001, (_request, response) => {
    response.setHeader("set-cookie", ["dormouse_preview=a; Domain=localhost", "__Host-dormouse_preview=b", "own=c"]);
    response.end();
  });
  bench.addPreview({ previewId: "setter", isPublic: true, port: 3001 });
  const answer = await visit(bench, "/", { Host: "setter.preview.localhost" });
  expect(answer.headers.getSetCookie()).toEqual(["own=c"]);
});
