import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, sign } from "hono/jwt";
import {
  as,
  askForTokens,
  logIn,
  makeServiceAccount,
  post,
  postForm,
  startLogin,
  type NewApiKey,
} from "../../testkit/accounts.ts";
import { runClient } from "../../testkit/run-client.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";

/** Starting Node and the client takes seconds on a busy machine. */
const TIMEOUT_MS = 30_000;
const HOUR_MS = 3_600_000;

const basic = (id: string, secret: string) => ({ authorization: `Basic ${btoa(`${id}:${secret}`)}` });
const CLIENT_CREDENTIALS = { grant_type: "client_credentials" };

const statusOf = async (server: TestServer, token: string, path = "/sandboxes") =>
  (await server.call("GET", path, undefined, as(token))).status;

async function startTimed(sqlitePath?: string) {
  const time = { nowMs: Date.parse("2026-11-22T00:00:00Z") };
  const server = await startServer({ clock: () => time.nowMs, ...(sqlitePath !== undefined && { sqlitePath }) });
  return { server, time };
}

describe("F264 F265 client credentials", () => {
  test("a service account gets a two-hour JWT with numeric iat and exp, by header, by JSON and by form", async () => {
    const { server, time } = await startTimed();
    await using _ = server;
    const { client_id, client_secret } = await makeServiceAccount(server, "member");
    const byHeader = await askForTokens(server, CLIENT_CREDENTIALS, basic(client_id, client_secret));
    expect(byHeader).toMatchObject({ status: 200, body: { token_type: "Bearer", expires_in: 7200 } });
    const { access_token } = byHeader.body as { access_token: string };
    const iat = time.nowMs / 1000;
    expect(decode(access_token)).toMatchObject({
      header: { alg: "HS256" },
      payload: { sub: client_id, workspace: "default", iat, exp: iat + 7200, jti: expect.any(String) },
    });
    expect(await askForTokens(server, { ...CLIENT_CREDENTIALS, client_id, client_secret })).toMatchObject({
      status: 200,
    });
    const byForm = await postForm(server, "/v0/oauth/token", { ...CLIENT_CREDENTIALS, client_id, client_secret });
    expect(byForm.status).toBe(200);
    expect(byForm.headers.get("cache-control")).toBe("no-store");
  });

  test("the token passes in both headers and at the gateway, until it expires or its account is deleted", async () => {
    const { server, time } = await startTimed();
    await using _ = server;
    const issue = async () => {
      const account = await makeServiceAccount(server, "member");
      const { body } = await askForTokens(server, CLIENT_CREDENTIALS, basic(account.client_id, account.client_secret));
      return { ...account, token: (body as { access_token: string }).access_token };
    };
    const [first, second] = [await issue(), await issue()];
    const { directory } = server.deps;
    for (const headers of [as(first.token), { authorization: `Bearer ${first.token}`, "x-blaxel-authorization": "" }]) {
      expect((await server.call("GET", "/sandboxes", undefined, headers)).status).toBe(200);
    }
    expect(directory.isApiKeyValid("default", first.token)).toBe(true);
    expect(directory.isApiKeyValid("other", first.token)).toBe(false);
    await server.call("DELETE", `/service_accounts/${first.client_id}`);
    expect(await statusOf(server, first.token)).toBe(401);
    expect(directory.isApiKeyValid("default", first.token)).toBe(false);
    time.nowMs += 2 * HOUR_MS - 1;
    expect(directory.isApiKeyValid("default", second.token)).toBe(true);
    time.nowMs += 1;
    expect(directory.isApiKeyValid("default", second.token)).toBe(false);
    expect(await statusOf(server, second.token)).toBe(401);
  });

  test("forged, mangled and foreign tokens are refused", async () => {
    await using server = await startServer();
    const { client_id, client_secret } = await makeServiceAccount(server, "admin");
    const { body } = await askForTokens(server, CLIENT_CREDENTIALS, basic(client_id, client_secret));
    const { access_token: token } = body as { access_token: string };
    const [header = "", payload = "", signature = ""] = token.split(".");
    const claims = decode(token).payload;
    const { exp, ...timeless } = claims;
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
    const richer = Buffer.from(JSON.stringify({ ...claims, exp: (exp ?? 0) + 1 })).toString("base64url");
    const secret = await server.deps.store.accounts.tokenSecret();
    const bad = [
      `${none}.${payload}.`,
      `${none}.${payload}.${signature}`,
      `${header}.${richer}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -1)}`,
      `${header}.${payload}.${signature}=`,
      `${header}.${payload}`,
      await sign(claims, "another secret", "HS256"),
      await sign(claims, secret, "HS512"),
      await sign(timeless, secret, "HS256"),
      await sign({ ...claims, sub_type: "user" }, secret, "HS256"),
    ];
    for (const forged of bad)
      expect({ forged, status: await statusOf(server, forged) }).toEqual({ forged, status: 401 });
    expect(await statusOf(server, token)).toBe(200);
  });

  test("what is wrong is said in the words of RFC 6749", async () => {
    await using server = await startServer();
    const { client_id } = await makeServiceAccount(server, "member");
    for (const client of [basic(client_id, "wrong"), basic("sa-nobody", ""), basic("", ""), {}]) {
      const answer = await askForTokens(server, CLIENT_CREDENTIALS, client);
      expect(answer).toMatchObject({ status: 401, body: { error: "invalid_client" } });
      expect(answer.headers.get("www-authenticate")).toStartWith("Basic");
    }
    const errorOf = async (body: Record<string, string>) => (await askForTokens(server, body)).body;
    expect(await errorOf({ grant_type: "password" })).toMatchObject({ error: "unsupported_grant_type" });
    expect(await errorOf({})).toMatchObject({ error: "invalid_request" });
    expect(await errorOf({ grant_type: "refresh_token", refresh_token: "x" })).toMatchObject({
      error: "invalid_grant",
    });
    expect(await errorOf({ grant_type: "device_code", device_code: "x" })).toMatchObject({ error: "invalid_grant" });
    expect((await post(server, "/v0/oauth/token", "nonsense")).status).toBe(400);
    expect((await post(server, "/v0/oauth/token", "x".repeat(1_100_000))).status).toBe(413);
  });

  test(
    "the unmodified Blaxel client works with BL_CLIENT_CREDENTIALS",
    async () => {
      await using server = await startServer();
      const { client_id, client_secret } = await makeServiceAccount(server, "member");
      const seen = await runClient(server, "tokens", { BL_CLIENT_CREDENTIALS: btoa(`${client_id}:${client_secret}`) });
      expect(seen).toEqual({ created: "no error", listed: ["by-token"], isToken: true });
    },
    TIMEOUT_MS,
  );
});

describe("F264 logins of a command line", () => {
  test("a login waits to be confirmed, is handed over once, and refreshes until it is revoked", async () => {
    const { server, time } = await startTimed();
    await using _ = server;
    const login = await startLogin(server);
    expect(login).toMatchObject({ expires_in: 900, interval: 3, verification_uri: "http://localhost:4000/device" });
    expect(login.user_code).toMatch(/^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/);
    const grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    const poll = () => askForTokens(server, { grant_type, client_id: "blaxel", device_code: login.device_code });
    expect(await poll()).toMatchObject({ status: 400, body: { error: "authorization_pending" } });
    expect(await poll()).toMatchObject({ status: 400, body: { error: "slow_down" } });
    time.nowMs += 3000;
    expect(await poll()).toMatchObject({ status: 400, body: { error: "authorization_pending" } });
    const form = { user_code: login.user_code.toLowerCase(), decision: "approve", api_key: server.apiKey };
    expect((await postForm(server, "/device", form)).status).toBe(200);
    const { body } = await poll();
    const { access_token, refresh_token } = body as Record<"access_token" | "refresh_token", string>;
    expect(await poll()).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    expect(await statusOf(server, access_token, "/workspaces")).toBe(200);

    time.nowMs += 2 * HOUR_MS;
    expect(await statusOf(server, access_token)).toBe(401);
    const refresh = () => askForTokens(server, { grant_type: "refresh_token", refresh_token, device_code: "old" });
    const again = await refresh();
    expect(again).toMatchObject({ status: 200, body: { refresh_token } });
    expect(await refresh()).toMatchObject({ status: 200 });
    const { access_token: newer } = again.body as { access_token: string };
    expect(await statusOf(server, newer)).toBe(200);
    expect((await postForm(server, "/v0/oauth/revoke", { token: refresh_token })).status).toBe(200);
    expect(await statusOf(server, newer)).toBe(401);
    expect(server.deps.directory.isApiKeyValid("default", newer)).toBe(false);
    expect(await refresh()).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });

  test("one that is refused, or that nobody confirms in time, ends", async () => {
    const { server, time } = await startTimed();
    await using _ = server;
    const [refused, late] = [await startLogin(server), await startLogin(server)];
    const poll = async (device_code: string) =>
      (await askForTokens(server, { grant_type: "device_code", device_code })).body;
    await postForm(server, "/device", { user_code: refused.user_code, decision: "deny", api_key: server.apiKey });
    expect(await poll(refused.device_code)).toMatchObject({ error: "access_denied" });
    time.nowMs += 900_000;
    const form = { user_code: late.user_code, decision: "approve", api_key: server.apiKey };
    expect((await postForm(server, "/device", form)).status).toBe(404);
    expect(await poll(late.device_code)).toMatchObject({ error: "expired_token" });
  });

  test("a login confirmed with a key reaches no further than the key, and ends with it", async () => {
    const { server, time } = await startTimed();
    await using _ = server;
    await server.call("POST", "/workspaces", { name: "other" });
    const { body } = await server.call("POST", "/api_keys", { expires_in: "1d" });
    const { apiKey, id } = body as NewApiKey;
    const bound = await logIn(server, { api_key: apiKey });
    expect(await server.call("GET", "/workspaces", undefined, as(bound.access_token))).toMatchObject({
      body: [{ name: "default" }],
    });
    expect((await server.call("GET", "/sandboxes", undefined, as(bound.access_token, "other"))).status).toBe(403);
    const refresh = () => askForTokens(server, { grant_type: "refresh_token", refresh_token: bound.refresh_token });
    expect((await refresh()).status).toBe(200);
    await server.call("DELETE", `/api_keys/${id}`);
    expect(await statusOf(server, bound.access_token)).toBe(401);
    expect((await refresh()).status).toBe(400);
    const short = (await server.call("POST", "/api_keys", { expires_in: "1h" })).body as NewApiKey;
    const lasting = await logIn(server, { api_key: short.apiKey });
    time.nowMs += HOUR_MS;
    expect(await statusOf(server, lasting.access_token)).toBe(401);
    const wide = await logIn(server, { api_key: server.apiKey });
    expect((await server.call("GET", "/sandboxes", undefined, as(wide.access_token, "other"))).status).toBe(200);
  });

  test("logins and service accounts are there after a restart, revoked ones are not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "dormouse-tokens-"));
    const sqlitePath = join(folder, "store.sqlite");
    try {
      const before = await startServer({ sqlitePath });
      const [kept, revoked] = [
        await logIn(before, { api_key: before.apiKey }),
        await logIn(before, { api_key: before.apiKey }),
      ];
      await postForm(before, "/v0/oauth/revoke", { token: revoked.access_token });
      await before[Symbol.asyncDispose]();
      await using after = await startServer({ sqlitePath });
      expect(await statusOf(after, kept.access_token)).toBe(200);
      expect(await statusOf(after, revoked.access_token)).toBe(401);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(
    "F029 the unmodified Blaxel client refreshes what a login left in its configuration file",
    async () => {
      await using server = await startServer();
      const tokens = await logIn(server, { api_key: server.apiKey });
      const home = mkdtempSync(join(tmpdir(), "dormouse-login-"));
      try {
        mkdirSync(join(home, ".blaxel"));
        const credentials = { ...tokens, access_token: "", device_code: "of-the-login" };
        const config = { context: { workspace: "default" }, workspaces: [{ name: "default", credentials }] };
        await Bun.write(join(home, ".blaxel/config.yaml"), Bun.YAML.stringify(config));
        const expected = { created: "no error", listed: ["by-token"], isToken: true };
        expect(await runClient(server, "tokens", { HOME: home })).toEqual(expected);
        expect(await runClient(server, "tokens", { HOME: home })).toEqual(expected);
      } finally {
        rmSync(home, { recursive: true });
      }
    },
    TIMEOUT_MS,
  );

  test("the endpoints are where OpenID clients look for them", async () => {
    await using server = await startServer({ settings: { publicUrl: "https://boxes.example.com" } });
    const response = await server.fetch(new Request("http://localhost:4000/v0/.well-known/openid-configuration"));
    expect(await response.json()).toMatchObject({
      issuer: "https://boxes.example.com",
      token_endpoint: "https://boxes.example.com/v0/oauth/token",
      device_authorization_endpoint: "https://boxes.example.com/v0/login/device",
    });
  });
});
