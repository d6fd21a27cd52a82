import { describe, expect, test } from "bun:test";
import type { ApiKeyAnswer, InvitationAnswer, WorkspaceUserAnswer } from "@dormouse/schema";
import {
  as,
  askForTokens,
  logIn,
  makeKey,
  makeServiceAccount,
  makeUser,
  postForm,
  startLogin,
  type NewApiKey,
} from "../../testkit/accounts.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";

const PASSWORD = "correct horse battery";
const EMAIL = "ada@example.com";

const invite = async (server: TestServer, email: string, headers: Record<string, string> = {}) => {
  const { body } = await server.call("POST", "/users", { email, role: "member" }, headers);
  const answer = body as InvitationAnswer;
  return { answer, token: new URL(answer.invitationUrl).searchParams.get("token") ?? "" };
};
const statusOf = async (server: TestServer, credential: string, workspace = "") =>
  (await server.call("GET", "/sandboxes", undefined, as(credential, workspace))).status;
const membersOf = async (server: TestServer, headers = {}) =>
  (await server.call("GET", "/users", undefined, headers)).body as WorkspaceUserAnswer[];

describe("F266 users of a workspace", () => {
  test("an invited user joins with a password, logs in with it, and makes an API key", async () => {
    await using server = await startServer();
    const { answer, token } = await invite(server, "Ada@Example.com");
    expect(answer).toMatchObject({ email: EMAIL, role: "member", workspace: "default" });
    expect(await membersOf(server)).toMatchObject([
      { email: EMAIL, accepted: false, expired: false },
      { email: "admin@localhost", role: "admin", accepted: true },
    ]);
    expect((await postForm(server, "/invitation", { token, password: "too short" })).status).toBe(400);
    expect((await postForm(server, "/invitation", { token, password: PASSWORD })).status).toBe(200);
    expect((await postForm(server, "/invitation", { token, password: PASSWORD })).status).toBe(404);
    expect(await membersOf(server)).toMatchObject([{ email: EMAIL, accepted: true }, {}]);
    const { access_token } = await logIn(server, { email: EMAIL, password: PASSWORD });
    expect(await statusOf(server, access_token)).toBe(200);
    const { body } = await server.call("POST", "/api_keys", { name: "laptop" }, as(access_token));
    const { apiKey, ...rest } = body as NewApiKey;
    expect(rest).toMatchObject({ name: "laptop", sub_type: "user" });
    expect(await statusOf(server, apiKey)).toBe(200);
  });

  test("whoever leaves or is removed is out at once, with keys and logins; the password is forgotten with the last workspace", async () => {
    await using server = await startServer();
    await makeUser(server, EMAIL, "admin", PASSWORD);
    const login = await logIn(server, { email: EMAIL, password: PASSWORD });
    const { body } = await server.call("POST", "/api_keys", {}, as(login.access_token));
    const { apiKey } = body as NewApiKey;
    expect((await server.call("DELETE", `/users/${EMAIL}`)).status).toBe(200);
    expect(await statusOf(server, apiKey)).toBe(401);
    expect(await statusOf(server, login.access_token)).toBe(403);
    expect(server.deps.directory.isApiKeyValid("default", login.access_token)).toBe(false);
    const { user_code } = await startLogin(server);
    const again = await postForm(server, "/device", {
      user_code,
      decision: "approve",
      email: EMAIL,
      password: PASSWORD,
    });
    expect(again.status).toBe(401);
    await makeUser(server, EMAIL, "member", "a quite different one");
    expect(await statusOf(server, apiKey)).toBe(401);
    const { access_token } = await logIn(server, { email: EMAIL, password: "a quite different one" });
    expect((await server.call("DELETE", "/workspaces/default/leave", undefined, as(access_token))).status).toBe(200);
    expect(await membersOf(server)).toBeArrayOfSize(1);
  });

  test("the link of an invitation does not make its holder somebody who was there before", async () => {
    await using server = await startServer();
    await makeUser(server, EMAIL, "member", PASSWORD);
    await server.call("POST", "/workspaces", { name: "other" });
    const { token } = await invite(server, EMAIL, as(server.apiKey, "other"));
    expect((await postForm(server, "/invitation", { token, password: "chosen by another" })).status).toBe(401);
    const { access_token } = await logIn(server, { email: EMAIL, password: PASSWORD });
    expect(await statusOf(server, access_token, "other")).toBe(403);
    expect((await postForm(server, "/invitation", { token, password: PASSWORD })).status).toBe(200);
    expect(await statusOf(server, access_token, "other")).toBe(200);
  });

  test("an invitation can be repeated, taken back, and runs out", async () => {
    let nowMs = Date.parse("2026-11-22T00:00:00Z");
    await using server = await startServer({ clock: () => nowMs });
    const first = await invite(server, EMAIL);
    const second = await invite(server, EMAIL);
    const join = async (token: string) => (await postForm(server, "/invitation", { token, password: PASSWORD })).status;
    expect(await join(first.token)).toBe(404);
    nowMs += 7 * 86_400_000;
    expect(await join(second.token)).toBe(404);
    expect((await membersOf(server))[0]).toMatchObject({ email: EMAIL, expired: true });
    const third = await invite(server, EMAIL);
    await server.call("DELETE", `/users/${EMAIL}`);
    expect(await join(third.token)).toBe(404);
    const fourth = await invite(server, EMAIL);
    expect(await join(fourth.token)).toBe(200);
    expect(await server.call("POST", "/users", { email: EMAIL })).toMatchObject({ status: 409 });
  });
});

describe("F263 F266 workspaces of an account", () => {
  test("an owner makes, changes and deletes further ones; what was in them is gone", async () => {
    await using server = await startServer();
    const first = (await server.call("GET", "/workspaces/default")).body as { accountId: string };
    const made = await server.call("POST", "/workspaces", { name: "other", displayName: "The other" });
    expect(made).toMatchObject({ status: 200, body: { name: "other", accountId: first.accountId, status: "ready" } });
    expect(await server.call("POST", "/workspaces", { name: "other" })).toMatchObject({ status: 409 });
    expect(await server.call("POST", "/workspaces", { name: "Not Good" })).toMatchObject({ status: 400 });
    const renamed = await server.call("PUT", "/workspaces/other", { displayName: "Ours", labels: { a: "b" } });
    expect(renamed).toMatchObject({ body: { displayName: "Ours", labels: { a: "b" } } });
    const there = as(server.apiKey, "other");
    const key = await makeKey(server, "member", there);
    await server.call("POST", "/sandboxes", { metadata: { name: "box" } }, there);
    expect(await server.call("DELETE", "/workspaces/other")).toMatchObject({
      status: 409,
      body: { error: "WORKSPACE_NOT_EMPTY" },
    });
    await server.call("DELETE", "/sandboxes/box", undefined, there);
    expect(await server.call("DELETE", "/workspaces/other")).toMatchObject({ status: 200 });
    expect(await statusOf(server, key)).toBe(401);
    expect(await statusOf(server, server.apiKey, "other")).toBe(403);
    expect(await server.call("GET", "/workspaces")).toMatchObject({ body: [{ name: "default" }] });
  });

  test("availability is told, with a reason when asked", async () => {
    await using server = await startServer();
    const ask = async (name: string, query = "") =>
      (await server.call("POST", `/workspaces/availability${query}`, { name })).body;
    expect(await ask("free")).toBe(true);
    expect(await ask("default")).toBe(false);
    expect(await ask("default", "?withReason=true")).toMatchObject({ available: false, reason: "taken" });
    expect(await ask("Not Good", "?withReason=true")).toMatchObject({ available: false });
  });

  test("the first workspace stays, and so does the administrator's key", async () => {
    await using server = await startServer();
    expect(await server.call("DELETE", "/workspaces/default")).toMatchObject({ status: 409 });
    const keys = (await server.call("GET", "/api_keys")).body as ApiKeyAnswer[];
    expect(await server.call("DELETE", `/api_keys/${keys[0]?.id}`)).toMatchObject({ status: 409 });
    expect(await statusOf(server, server.apiKey)).toBe(200);
  });
});

describe("F261 F265 keys and service accounts", () => {
  test("a key and a client secret are shown once, and stored as hashes", async () => {
    await using server = await startServer();
    const account = await makeServiceAccount(server, "member");
    const { body } = await server.call("POST", `/service_accounts/${account.client_id}/api_keys`, {
      name: "ci",
      expires_in: "30d",
    });
    const { apiKey, prefix, expiresAt = "", createdAt } = body as NewApiKey;
    expect(apiKey).toStartWith(prefix);
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(30 * 86_400_000);
    const lists = [
      await server.call("GET", "/service_accounts"),
      await server.call("GET", `/service_accounts/${account.client_id}/api_keys`),
      await server.call("GET", "/api_keys"),
    ];
    const seen = JSON.stringify([
      ...lists.map(({ body }) => body),
      server.logged,
      await server.deps.store.credentials.apiKeys(),
      await server.deps.store.credentials.serviceAccounts(),
    ]);
    expect(seen).toContain(prefix);
    expect(seen).not.toContain(apiKey);
    expect(seen).not.toContain(account.client_secret);
  });

  test.each(["11y", "0d", "-1d", "4000d", "600w", "soon", 5])("expires_in %p is 400", async (expires_in) => {
    await using server = await startServer();
    expect(await server.call("POST", "/api_keys", { expires_in })).toMatchObject({ status: 400 });
  });

  test("when a key was last used is shown", async () => {
    let nowMs = Date.parse("2026-11-22T00:00:00Z");
    await using server = await startServer({ clock: () => nowMs });
    const { body } = await server.call("POST", "/api_keys", { name: "used" });
    expect(body).not.toHaveProperty("lastUsedAt");
    const { apiKey } = body as NewApiKey;
    nowMs += 60_000;
    server.deps.directory.isApiKeyValid("default", apiKey);
    const keys = (await server.call("GET", "/api_keys")).body as ApiKeyAnswer[];
    expect(keys.find(({ name }) => name === "used")).toMatchObject({ lastUsedAt: "2026-11-22T00:01:00.000Z" });
  });
});

describe("the pages", () => {
  test("say what will happen, run nothing, and cannot be framed", async () => {
    await using server = await startServer();
    const { verification_uri_complete, user_code } = await startLogin(server);
    const response = await server.fetch(new Request(verification_uri_complete));
    expect(await response.text()).toContain(user_code);
    expect(response.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const hostile = await server.fetch(
      new Request("http://localhost:4000/device?user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"),
    );
    expect(await hostile.text()).not.toContain("<script>");
  });

  test("take forms from themselves only", async () => {
    await using server = await startServer();
    const { user_code, device_code } = await startLogin(server);
    const form = { user_code, decision: "approve", api_key: server.apiKey };
    for (const origin of ["https://evil.example", "null"]) {
      expect((await postForm(server, "/device", form, { origin })).status).toBe(403);
    }
    const { body } = await askForTokens(server, { grant_type: "device_code", device_code });
    expect(body).toMatchObject({ error: "authorization_pending" });
  });

  test("a member's key confirms no login, and neither does a service account's", async () => {
    await using server = await startServer();
    const { user_code } = await startLogin(server);
    const key = await makeKey(server, "admin");
    expect((await postForm(server, "/device", { user_code, decision: "approve", api_key: key })).status).toBe(401);
  });

  test("guessing is slowed down: codes, keys and passwords alike", async () => {
    let nowMs = Date.parse("2026-11-22T00:00:00Z");
    await using server = await startServer({ clock: () => nowMs });
    const { user_code } = await startLogin(server);
    const guesses = [
      ...Array.from({ length: 5 }, () => ({ user_code: "BBBB-BBBB", decision: "approve" })),
      ...Array.from({ length: 5 }, () => ({ user_code, decision: "approve", api_key: "dm_wrong" })),
    ];
    for (const guess of guesses) expect((await postForm(server, "/device", guess)).status).toBeOneOf([401, 404]);
    const right = { user_code, decision: "approve", api_key: server.apiKey };
    expect((await postForm(server, "/device", right)).status).toBe(429);
    nowMs += 300_000;
    expect((await postForm(server, "/device", right)).status).toBe(200);
  });
});
