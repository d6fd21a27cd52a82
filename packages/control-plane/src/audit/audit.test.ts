import { expect, test } from "bun:test";
import type { AuditPage, PreviewTokenAnswer } from "@dormouse/schema";
import { as, askForTokens, logIn, makeKey, makeServiceAccount, type NewApiKey } from "../../testkit/accounts.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";
import { keepUp } from "../upkeep.ts";

const read = async (server: TestServer, query = "", headers: Record<string, string> = {}): Promise<AuditPage> =>
  (await server.call("GET", `/audit${query}`, undefined, headers)).body as AuditPage;
const brief = ({ data }: AuditPage) => data.map(({ action, resource, status }) => `${action} ${resource} ${status}`);

test("every call that changes something is there: who, what, when, with what result, from where", async () => {
  const nowMs = Date.parse("2026-11-22T00:00:00Z");
  await using server = await startServer({ clock: () => nowMs });
  const created = await server.create("box");
  await server.call("GET", "/sandboxes/box");
  await server.create("box");
  await server.call("DELETE", "/sandboxes/box");
  await server.call("POST", "/workspaces/availability", { name: "x" });
  const page = await read(server);
  expect(brief(page)).toEqual([
    "sandboxes.delete sandboxes/box 200",
    "sandboxes.create sandboxes/box 409",
    "sandboxes.create sandboxes/box 200",
  ]);
  expect(page.data[1]).toMatchObject({ code: "SANDBOX_ALREADY_EXISTS" });
  expect(page.data[2]).toMatchObject({
    time: "2026-11-22T00:00:00.000Z",
    actor: { type: "user", name: "admin@localhost", apiKeyId: expect.any(String) },
    method: "POST",
    requestId: created.headers.get("x-request-id"),
  });
});

test("refusals are there under the name of whoever was refused", async () => {
  await using server = await startServer();
  const key = await makeKey(server, "member");
  await server.call("POST", "/users", { email: "a@example.com" }, as(key));
  await server.call("POST", "/sandboxes", { metadata: { name: "x" } }, as(key, "elsewhere"));
  const { data } = await read(server, "?limit=2");
  expect(data).toMatchObject([
    { action: "sandboxes.create", status: 403, code: "FORBIDDEN", actor: { name: "the member" } },
    { action: "users.create", status: 403, code: "FORBIDDEN", actor: { name: "the member" } },
  ]);
});

test("failed authentication leaves one entry a minute and address", async () => {
  let nowMs = Date.parse("2026-11-22T00:00:00Z");
  await using server = await startServer({ clock: () => nowMs });
  const try3 = async () => {
    for (let count = 0; count < 3; count += 1)
      await server.call("GET", "/sandboxes", undefined, as("dm_bad", "default"));
  };
  await try3();
  nowMs += 60_000;
  await try3();
  await askForTokens(server, { grant_type: "client_credentials" });
  const { data } = await read(server);
  expect(data).toMatchObject([
    { action: "sandboxes.read", status: 401, code: "UNAUTHENTICATED" },
    { action: "sandboxes.read", status: 401 },
  ]);
  expect(data).toHaveLength(2);
  expect(data[0]).not.toHaveProperty("actor");
});

test("logins and tokens are there, without any secret", async () => {
  await using server = await startServer();
  const { client_id, client_secret } = await makeServiceAccount(server, "member");
  await askForTokens(server, { grant_type: "client_credentials", client_id, client_secret });
  const login = await logIn(server, { api_key: server.apiKey });
  const { apiKey } = (await server.call("POST", "/api_keys", {})).body as NewApiKey;
  await server.create("box");
  await server.call("POST", "/sandboxes/box/previews", { metadata: { name: "web" }, spec: { port: 3000 } });
  const { body } = await server.call("POST", "/sandboxes/box/previews/web/tokens", {});
  const { token } = (body as PreviewTokenAnswer).spec;
  await server.call("DELETE", `/sandboxes/box/previews/web/tokens/${token}`);
  const page = await read(server);
  expect(brief(page)).toContainValues([
    "oauth.token.create oauth/token 200",
    "device.create device 200",
    "sandboxes.previews.tokens.delete sandboxes/box/previews/web/tokens/*** 200",
  ]);
  expect(page.data.find(({ action }) => action === "oauth.token.create")?.actor).toMatchObject({ type: "user" });
  for (const secret of [client_secret, login.access_token, login.refresh_token, apiKey, token, server.apiKey]) {
    expect(JSON.stringify(page)).not.toContain(secret);
  }
});

test("pages walk it once from new to old; filters pick from it", async () => {
  let nowMs = Date.parse("2026-11-22T00:00:00Z");
  await using server = await startServer({ clock: () => nowMs });
  for (const name of ["a", "b", "c", "d", "e"]) {
    nowMs += 1000;
    await server.create(name);
  }
  await server.call("DELETE", "/sandboxes/a");
  const seen: string[] = [];
  let cursor = "";
  do {
    const page = await read(server, `?limit=2${cursor && `&cursor=${cursor}`}`);
    seen.push(...page.data.map(({ action, resource }) => `${action} ${resource}`));
    cursor = page.meta.nextCursor;
  } while (cursor !== "");
  expect(seen).toEqual([
    "sandboxes.delete sandboxes/a",
    ...["e", "d", "c", "b", "a"].map((name) => `sandboxes.create sandboxes/${name}`),
  ]);
  expect((await read(server, "?action=sandboxes.delete")).data).toHaveLength(1);
  expect((await read(server, "?resource=sandboxes/a")).data).toHaveLength(2);
  expect((await read(server, "?resource=sandboxes")).data).toHaveLength(6);
  expect((await read(server, "?actor=admin@localhost")).data).toHaveLength(6);
  expect((await read(server, "?actor=nobody")).data).toHaveLength(0);
  const since = new Date(nowMs - 1000).toISOString();
  const until = new Date(nowMs).toISOString();
  expect((await read(server, `?since=${since}&until=${until}`)).data).toHaveLength(1);
  expect(await server.call("GET", "/audit?cursor=%00")).toMatchObject({ status: 400 });
});

test("what was done in a deleted workspace stays readable for the owner of the account, and for nobody later in one of its name", async () => {
  await using server = await startServer();
  await server.call("POST", "/workspaces", { name: "other" });
  await makeKey(server, "member", as(server.apiKey, "other"));
  await server.call("DELETE", "/workspaces/other", undefined, as(server.apiKey, "other"));
  await server.call("POST", "/workspaces", { name: "other" });
  const key = await makeKey(server, "admin", as(server.apiKey, "other"));
  const theirs = brief(await read(server, "", as(key)));
  expect(theirs).toBeArrayOfSize(2);
  expect(brief(await read(server))).toContain("workspaces.delete workspaces/other 200");
});

test("entries past their time are dropped, and key uses stored", async () => {
  let nowMs = Date.parse("2026-11-22T00:00:00Z");
  await using server = await startServer({ clock: () => nowMs, settings: { auditRetentionDays: 30 } });
  await server.create("old");
  await server.deps.audit.flush();
  nowMs += 31 * 86_400_000;
  await server.create("new");
  await keepUp(server.deps);
  expect(brief(await read(server))).toEqual(["sandboxes.create sandboxes/new 200"]);
  const [key] = await server.deps.store.credentials.apiKeys();
  expect(key?.lastUsedAtMs).toBe(nowMs);
});
