import { beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { WebSocket } from "ws";
import type { PreviewAnswer } from "@dormouse/schema";
import { appServer } from "../support/app-server.ts";
import { useDormouse } from "../support/suite.ts";

const PORT = 3000;
const NAME = "shown";
const suite = useDormouse();

const openPreview = async (spec: Readonly<Record<string, unknown>>, name: string): Promise<PreviewAnswer> =>
  suite.api.createPreview(NAME, { port: PORT, ...spec }, name);

/** The same preview without a host name of its own. */
const pathStyle = (preview: PreviewAnswer): string =>
  `${suite.dormouse.url}/preview/${new URL(preview.spec.url).hostname.split(".")[0]}`;

let open: PreviewAnswer;
let closed: PreviewAnswer;
let token: string;

beforeAll(async () => {
  await suite.api.create(NAME);
  await appServer(suite.api, NAME, PORT);
  open = await openPreview({ public: true }, "open");
  closed = await openPreview({ public: false }, "closed");
  token = await suite.api.createToken(NAME, "closed");
});

/** Status and body of a GET; redirects are not followed. */
async function visit(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await fetch(url, { headers, redirect: "manual" });
  return `${answer.status} ${await answer.text()}`;
}

test("F024 F160 F168 a public preview shows a port that was never declared, under a host name of its own and under a path", async () => {
  expect(open).toMatchObject({ metadata: { name: "open", resourceName: NAME }, spec: { port: PORT, public: true } });
  const { hostname, port } = new URL(open.spec.url);
  expect(hostname).toMatch(/^[a-z0-9]+\.preview\.localhost$/);
  expect(port).toBe(new URL(suite.dormouse.url).port);
  expect(await visit(`${open.spec.url}/hello`)).toBe(`200 hello from ${hostname}:${port}`);
  expect(await visit(`${pathStyle(open)}/hello`)).toBe(`200 hello from localhost:${port}`);
  expect(await visit(`${open.spec.url}/none?x=1`)).toBe("404 the app has no /none?x=1");
});

describe("F161 F162 F163 a private preview", () => {
  test("is closed to everyone without a token of its own, with a sentence that tells what to send", async () => {
    const otherPreview = await openPreview({ public: false }, "other");
    const foreign = await suite.api.createToken(NAME, "other");
    for (const url of [closed.spec.url, pathStyle(closed)]) {
      for (const wrong of ["", "?bl_preview_token=wrong", `?bl_preview_token=${foreign}`]) {
        const answer = await fetch(`${url}/hello${wrong}`);
        expect(answer.status).toBe(401);
        expect(await answer.json()).toMatchObject({
          error: { reason: "UNAUTHENTICATED", status: 401, hint: expect.stringContaining("bl_preview_token") },
        });
      }
    }
    expect(await visit(`${otherPreview.spec.url}/hello?bl_preview_token=${foreign}`)).toStartWith("200 ");
    await suite.api.call("DELETE", `/sandboxes/${NAME}/previews/other`);
  });

  test("opens by query and by header; the app sees neither", async () => {
    for (const url of [closed.spec.url, pathStyle(closed)]) {
      const byQuery = await visit(`${url}/headers?a=1&bl_preview_token=${token}&b=2`);
      const byHeader = await visit(`${url}/headers?a=1&b=2`, { "x-blaxel-preview-token": token });
      for (const answer of [byQuery, byHeader]) {
        expect(answer).toStartWith("200 ");
        expect(JSON.parse(answer.slice(4))).toMatchObject({ url: "/headers?a=1&b=2" });
        expect(answer).not.toContain(token);
      }
    }
  });

  test("F174 F283 keeps a browser's token in a cookie after the first visit, so that assets and WebSockets need no query", async () => {
    const asBrowser = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    const open = (url: string): Promise<Response> =>
      fetch(`${url}/hello?x=1&bl_preview_token=${token}`, { headers: asBrowser, redirect: "manual" });
    const onPath = await open(pathStyle(closed));
    expect(onPath.headers.get("location")).toBe(`${closed.spec.url}/hello?x=1&bl_preview_token=${token}`);
    const first = await open(closed.spec.url);
    expect(first.status).toBe(302);
    expect(first.headers.get("location")).toBe("/hello?x=1");
    for (const setCookie of first.headers.getSetCookie()) {
      expect(setCookie).toContain("; Path=/; HttpOnly");
      expect(setCookie).not.toContain("Domain=");
      const cookie = setCookie.split(";")[0] ?? "";
      const asset = await visit(`${closed.spec.url}/headers`, { cookie: `${cookie}; app=own` });
      expect(asset).toStartWith("200 ");
      expect(JSON.parse(asset.slice(4))).toMatchObject({ headers: { cookie: "app=own" } });
      expect(await echoThrough(closed.spec.url, { cookie })).toBe("ping");
    }
  });

  test("closes when its token is deleted or expires, at the next request", async () => {
    const soon = await suite.api.createToken(NAME, "closed", new Date(Date.now() + 400));
    const deleted = await suite.api.createToken(NAME, "closed");
    const visits = (value: string): Promise<string> => visit(`${closed.spec.url}/hello?bl_preview_token=${value}`);
    expect(await visits(deleted)).toStartWith("200 ");
    await suite.api.call("DELETE", `/sandboxes/${NAME}/previews/closed/tokens/${deleted}`);
    expect(await visits(deleted)).toStartWith("401 ");
    await Bun.sleep(500);
    expect(await visits(soon)).toStartWith("401 ");
    expect(await visits(token)).toStartWith("200 ");
  });
});

test("F164 previews are listed and deleted; a deleted one is 404, and made again it has the same address", async () => {
  const before = await openPreview({ public: true }, "brief");
  const list = async (): Promise<string[]> => {
    const { body } = await suite.api.call<PreviewAnswer[]>("GET", `/sandboxes/${NAME}/previews`);
    return body.map(({ metadata }) => metadata.name).toSorted();
  };
  expect(await list()).toEqual(["brief", "closed", "open"]);
  await suite.api.call("DELETE", `/sandboxes/${NAME}/previews/brief`);
  expect(await list()).toEqual(["closed", "open"]);
  expect(await visit(`${before.spec.url}/hello`)).toMatch(/^404 .*ROUTE_NOT_FOUND/);
  expect((await openPreview({ public: true }, "brief")).spec.url).toBe(before.spec.url);
  expect(await visit(`${before.spec.url}/hello`)).toStartWith("200 ");
  await suite.api.call("DELETE", `/sandboxes/${NAME}/previews/brief`);
});

test("F166 F204 responseHeaders are on every answer, errors and preflights included; requestHeaders reach the app", async () => {
  const preview = await openPreview(
    {
      public: false,
      responseHeaders: {
        "Access-Control-Allow-Origin": "http://app.example",
        "Access-Control-Allow-Methods": "GET, POST",
        Vary: "Origin",
      },
      requestHeaders: { authorization: "Bearer for-the-app" },
    },
    "cors",
  );
  const value = await suite.api.createToken(NAME, "cors");
  const preflight = await fetch(`${preview.spec.url}/hello`, {
    method: "OPTIONS",
    headers: { origin: "http://app.example", "access-control-request-method": "POST" },
  });
  const refused = await fetch(`${preview.spec.url}/hello`);
  const shown = await fetch(`${preview.spec.url}/headers?bl_preview_token=${value}`);
  expect([preflight.status, refused.status, shown.status]).toEqual([204, 401, 200]);
  for (const { headers } of [preflight, refused, shown]) {
    expect(headers.get("access-control-allow-origin")).toBe("http://app.example");
    expect(headers.get("access-control-allow-methods")).toBe("GET, POST");
  }
  expect(await shown.json()).toMatchObject({ headers: { authorization: "Bearer for-the-app" } });
  await suite.api.call("DELETE", `/sandboxes/${NAME}/previews/cors`);
});

test("a response streams out as the app writes it, and the app learns that the client left", async () => {
  const leaving = new AbortController();
  const stream = await fetch(`${open.spec.url}/ticks`, { signal: leaving.signal });
  expect(stream.headers.get("content-type")).toBe("text/event-stream");
  const reader = stream.body?.getReader();
  const chunks: string[] = [];
  while (chunks.join("").match(/data/g)?.length !== 3) {
    const { value } = (await reader?.read()) ?? {};
    chunks.push(new TextDecoder().decode(value));
  }
  expect(chunks.join("")).toBe("data: 0\n\ndata: 1\n\ndata: 2\n\n");
  const openStreams = (): Promise<string> => suite.api.text(NAME, `/port/${PORT}/open-streams`);
  expect(await openStreams()).toBe("1");
  leaving.abort();
  while ((await openStreams()) !== "0") await Bun.sleep(5);
});

test("a request body streams in: the app's echo of the first part comes before the last part is sent", async () => {
  const { hostname, port } = new URL(open.spec.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(
    `POST /upload HTTP/1.1\r\nHost: ${hostname}:${port}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n`,
  );
  expect(await readUntil(socket, "first")).toStartWith("HTTP/1.1 200 ");
  socket.write("6\r\nsecond\r\n0\r\n\r\n");
  await readUntil(socket, "second");
  socket.destroy();
});

test("a WebSocket passes both ways, host-style, path-style and under /port/N", async () => {
  expect(await echoThrough(open.spec.url)).toBe("ping");
  expect(await echoThrough(pathStyle(open))).toBe("ping");
  expect(await echoThrough(closed.spec.url, { "x-blaxel-preview-token": token })).toBe("ping");
  expect(
    await echoThrough(`${suite.api.sandboxUrl(NAME)}/port/${PORT}`, { authorization: `Bearer ${suite.api.key}` }),
  ).toBe("ping");
  expect(await echoThrough(closed.spec.url).catch(String)).toContain("401");
});

test("F173 /port/N of the sandbox URL reaches the app with an API key only, and no reserved port", async () => {
  const url = `${suite.api.sandboxUrl(NAME)}/port`;
  expect(await visit(`${url}/${PORT}/hello`)).toStartWith("401 ");
  expect(await suite.api.text(NAME, `/port/${PORT}/none?x=%2F`).catch(String)).toContain(
    "404: the app has no /none?x=%2F",
  );
  expect(await suite.api.text(NAME, `/port/${PORT}/headers`)).not.toContain(suite.api.key);
  for (const reserved of [80, 443, 8080]) {
    const answer = await suite.api.fetch(NAME, `/port/${reserved}/`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(`Cannot forward to port ${reserved} of a sandbox: the port is reserved`);
  }
});

test("F205 a preview on port 443 is the sandbox API and nothing more: its token is no API key; 80 and 8080 are refused", async () => {
  const preview = await openPreview({ port: 443, public: false }, "session-1");
  const value = await suite.api.createToken(NAME, "session-1");
  for (const url of [preview.spec.url, pathStyle(preview)]) {
    expect(await visit(`${url}/health`)).toStartWith("401 ");
    expect(await visit(`${url}/health`, { "x-blaxel-preview-token": value })).toContain('"status":"ok"');
    expect(await visit(`${url}/port/${PORT}/hello`, { "x-blaxel-preview-token": value })).toStartWith("200 hello");
  }
  const asKey = await suite.api.call("GET", "/sandboxes", { headers: { authorization: `Bearer ${value}` } });
  expect(asKey.status).toBe(401);
  for (const port of [80, 8080]) {
    const body = { metadata: { name: "refused" }, spec: { port, public: true } };
    const { status, body: answer } = await suite.api.call<{ message: string }>("POST", `/sandboxes/${NAME}/previews`, {
      body,
    });
    expect(status).toBe(400);
    expect(answer.message).toStartWith(`Cannot accept spec.port: port ${port} is reserved`);
  }
  await suite.api.call("DELETE", `/sandboxes/${NAME}/previews/session-1`);
});

test("a port nobody listens on is 502 with a sentence: JSON for programs, a page for browsers", async () => {
  const preview = await openPreview({ port: 4000, public: true }, "dead");
  const answer = await fetch(preview.spec.url);
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({ error: { code: "UPSTREAM_UNREACHABLE", status: 502, retryable: true } });
  const page = await fetch(preview.spec.url, { headers: { accept: "text/html" } });
  expect(page.status).toBe(502);
  expect(page.headers.get("content-type")).toStartWith("text/html");
  expect(await page.text()).toContain("4000");
  await suite.api.call("DELETE", `/sandboxes/${NAME}/previews/dead`);
});

test("F057 previews stop answering when their sandbox is deleted, and a new one of the name does not inherit them", async () => {
  await suite.api.create("short");
  const preview = await suite.api.createPreview("short", { port: PORT, public: true }, "web");
  await suite.api.remove("short");
  expect(await visit(preview.spec.url)).toMatch(/^404 .*ROUTE_NOT_FOUND/);
  await suite.api.create("short");
  expect(await visit(preview.spec.url)).toMatch(/^404 .*ROUTE_NOT_FOUND/);
  await suite.api.remove("short");
});

/** What the app's WebSocket answers to "ping". */
async function echoThrough(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/echo`, { headers });
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("open", () => socket.send("ping"));
      socket.once("message", (data) => resolve((data as Buffer).toString()));
    });
  } finally {
    socket.close();
  }
}

/** Everything that arrives until `wanted` is in it. */
async function readUntil(socket: Socket, wanted: string): Promise<string> {
  let text = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.includes(wanted)) return text;
  }
  throw new Error(`the connection ended without "${wanted}": ${text}`);
}
