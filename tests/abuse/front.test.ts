import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { Api } from "../support/api.ts";
import { appServer } from "../support/app-server.ts";
import { type RawInit, rawRequest } from "../support/raw-request.ts";
import { useDormouse } from "../support/suite.ts";

/*
 * Keys that are unknown, expired, revoked or cut off, members at what is the administrators', and other workspaces' records are
 * tried in `packages/control-plane/src/accounts/access.test.ts`; requests that hide in others in
 * `packages/gateway/src/smuggling.test.ts`; bodies that are too large or no JSON in `packages/control-plane/src/app.test.ts`.
 */

const others: Api[] = [];
/** Before the suite's own, which looks whether anything is left. */
afterAll(async () => {
  for (const other of others) await other.removeAll();
});

const suite = useDormouse();
/** Has a workspace of its own, and nothing else. */
let attacker: Api;
let preview: URL;

beforeAll(async () => {
  const { api } = suite;
  await Promise.all([api.create("box"), api.create("vault")]);
  await Promise.all([appServer(api, "box", 3000), appServer(api, "vault", 3000)]);
  await api.createPreview("box", { port: 3000, public: false }, "web");
  attacker = await withWorkspace("mine");
  others.push(attacker);
  await attacker.create("own");
  await appServer(attacker, "own", 3000);
  await attacker.createPreview("own", { port: 3000, public: false }, "web");
  preview = new URL((await api.createPreview("vault", { port: 3000, public: false }, "web")).spec.url);
});

/** Whoever has a new workspace of their own, and nothing else. */
async function withWorkspace(workspace: string): Promise<Api> {
  const { api } = suite;
  const headers = { "x-blaxel-workspace": workspace };
  await api.call("POST", "/workspaces", { body: { name: workspace } });
  const robot = await api.call<{ client_id: string }>("POST", "/service_accounts", {
    body: { name: "attacker", role: "admin" },
    headers,
  });
  const key = await api.call<{ apiKey: string }>("POST", `/service_accounts/${robot.body.client_id}/api_keys`, {
    body: { name: "key" },
    headers,
  });
  return new Api({ ...api.env, BL_API_KEY: key.body.apiKey, BL_WORKSPACE: workspace });
}

test("F001 whoever has a workspace of their own gets into another's sandbox by no spelling of its address", async () => {
  const { api } = suite;
  const { host } = new URL(api.sandboxUrl("vault"));
  const wanted = "/default/sandboxes/vault/port/3000/hello";
  const targets = [
    `/../../..${wanted}`,
    `/%2e%2e/%2e%2e/%2e%2e${wanted}`,
    `/..%2f..%2f..${wanted}`,
    `/..%2F..%2F..${wanted.replaceAll("/", "%2F")}`,
    `/..\\..\\..${wanted.replaceAll("/", "\\")}`,
    `/..;/..;/..;${wanted}`,
    `//..//..//..${wanted}`,
    `/.%2e/.%2e/.%2e${wanted}`,
    `/port/3000@${host}/hello`,
    `/port/3000/../../../../..${wanted}`,
    `/port/3000/hello/%00/../../../../../..${wanted}`,
  ];
  for (const target of targets) expect([target, await isLetIn("own", target)]).toEqual([target, false]);
  expect(await isLetIn("own", "/port/3000/hello")).toBe(true);
});

test("whoever has a workspace of their own gets in by no header that names another workspace, host or client", async () => {
  const headers: Readonly<Record<string, string>>[] = [
    { "X-Blaxel-Workspace": "default" },
    { "X-Forwarded-Host": preview.host },
    { Forwarded: `host=${preview.host}` },
    { "X-Original-URL": "/run/default/sandboxes/vault/health" },
    { "X-Rewrite-URL": "/run/default/sandboxes/vault/health" },
    { "X-Forwarded-For": "127.0.0.1" },
    { Host: preview.host },
    { Cookie: `dormouse_session=${attacker.key}; dormouse_preview=${attacker.key}` },
  ];
  const own = await attacker.createToken("own", "web");
  const paths = [`/default/sandboxes/vault/port/3000/hello`, `/default/sandboxes/vault/health?bl_preview_token=${own}`];
  for (const path of paths) {
    for (const more of headers) {
      const response = await fetch(`${suite.api.env["BL_RUN_URL"]}${path}`, {
        headers: { authorization: `Bearer ${attacker.key}`, ...more },
        redirect: "manual",
      });
      expect([more, path, response.ok]).toEqual([more, path, false]);
      await response.body?.cancel();
    }
  }
});

test("whoever has a workspace of their own gets into no preview by a token of one's own, or a key of one's own", async () => {
  const own = await attacker.createToken("own", "web");
  for (const query of [`bl_preview_token=${own}`, `token=${attacker.key}`, `bl_preview_token=${attacker.key}`]) {
    const response = await fetch(`${preview.origin}/hello?${query}`, { redirect: "manual" });
    expect([query, response.status]).toEqual([query, 401]);
  }
});

/** Whether an attacker's request, its target sent as it is, was answered by any app. */
async function isLetIn(sandbox: string, target: string, init: RawInit = {}): Promise<boolean> {
  using request = rawRequest(attacker, sandbox, target, init);
  const { body } = await request.answer();
  if (body.includes("hello from")) return target === "/port/3000/hello";
  return false;
}

test("a thousand connections that never finish their request hold nobody up", async () => {
  const { hostname, port } = new URL(suite.dormouse.url);
  const sockets: Socket[] = [];
  try {
    for (let index = 0; index < 1000; index++) {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined);
      socket.write(`GET /v0/sandboxes HTTP/1.1\r\nHost: a\r\nX-Slow-${index}: `);
      sockets.push(socket);
    }
    expect(await suite.api.list()).toContain("box");
    expect(await suite.api.text("box", "/port/3000/hello")).toStartWith("hello");
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test("headers without end, and a target without end, are refused; the next request is answered", async () => {
  const long = "x".repeat(1_000_000);
  for (const [target, headers] of [
    ["/health", { "X-Long": long }],
    [`/health?${long}`, {}],
    ["/health", Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`X-${index}`, "many"]))],
  ] as const) {
    using request = rawRequest(suite.api, "box", target, { headers });
    expect((await request.answer()).head).not.toStartWith("HTTP/1.1 200");
  }
  expect((await suite.api.fetch("box", "/health")).status).toBe(200);
});
