import { createHash } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { as, askForTokens, postForm, type Tokens } from "../../testkit/accounts.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";

const VERIFIER = "a-secret-of-the-client-that-nobody-else-knows-1234";
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");
const REDIRECT_URI = "http://127.0.0.1:5555/callback";
const REQUEST = {
  response_type: "code",
  client_id: "tool",
  redirect_uri: REDIRECT_URI,
  code_challenge: CHALLENGE,
  code_challenge_method: "S256",
  state: "of the client",
};
type Fields = Readonly<Record<string, string>>;

const pathOf = (changes: Fields = {}): string =>
  `/authorize?${new URLSearchParams({ ...REQUEST, ...changes }).toString()}`;

const visit = (server: TestServer, changes: Fields = {}): Promise<Response> =>
  Promise.resolve(server.fetch(new Request(`http://localhost:4000${pathOf(changes)}`)));

/** Where the browser is sent once the form is in. */
async function agree(server: TestServer, changes: Fields = {}, form: Fields = {}): Promise<URLSearchParams> {
  const fields = { decision: "approve", api_key: server.apiKey, ...form };
  const response = await postForm(server, pathOf(changes), fields);
  expect(response.status).toBe(303);
  return new URL(response.headers.get("location") ?? "").searchParams;
}

const exchange = (server: TestServer, code: string, changes: Fields = {}) =>
  askForTokens(server, {
    grant_type: "authorization_code",
    code,
    client_id: REQUEST.client_id,
    redirect_uri: REDIRECT_URI,
    code_verifier: VERIFIER,
    ...changes,
  });

const codeOf = async (server: TestServer): Promise<string> => (await agree(server)).get("code") ?? "";

const INVALID_GRANT = { status: 400, body: { error: "invalid_grant" } };

describe("F264 authorization codes", () => {
  test("who agrees is sent back with a code; the client makes tokens of it that refresh and can be revoked", async () => {
    await using server = await startServer();
    const page = await visit(server);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain("tool");
    expect(page.headers.get("content-security-policy")).toContain("form-action 'self' http://127.0.0.1:5555;");
    const answer = await agree(server);
    expect(Object.fromEntries(answer)).toEqual({
      code: expect.any(String) as string,
      state: "of the client",
      iss: "http://localhost:4000",
    });
    const { status, body } = await exchange(server, answer.get("code") ?? "");
    const { access_token, refresh_token } = body as Tokens;
    expect(status).toBe(200);
    expect((await server.call("GET", "/sandboxes", undefined, as(access_token))).status).toBe(200);
    const refreshed = await askForTokens(server, { grant_type: "refresh_token", refresh_token });
    expect(refreshed).toMatchObject({ status: 200, body: { refresh_token } });
    await postForm(server, "/v0/oauth/revoke", { token: refresh_token });
    expect((await server.call("GET", "/sandboxes", undefined, as(access_token))).status).toBe(401);
  });

  test("a code is good once and for a minute; one that comes again ends the login that was made of it", async () => {
    let nowMs = Date.parse("2026-11-22T00:00:00Z");
    await using server = await startServer({ clock: () => nowMs });
    const [once, late] = [await codeOf(server), await codeOf(server)];
    const { body } = await exchange(server, once);
    const { access_token } = body as Tokens;
    expect(await exchange(server, once)).toMatchObject(INVALID_GRANT);
    expect((await server.call("GET", "/sandboxes", undefined, as(access_token))).status).toBe(401);
    nowMs += 60_000;
    expect(await exchange(server, late)).toMatchObject(INVALID_GRANT);
    expect(await exchange(server, "unknown")).toMatchObject(INVALID_GRANT);
  });

  test("a code is worth nothing to whoever did not begin the login, and then to nobody", async () => {
    await using server = await startServer();
    const wrongs: Fields[] = [
      { code_verifier: `${VERIFIER}x` },
      { code_verifier: CHALLENGE },
      { code_verifier: "" },
      { client_id: "other" },
      { redirect_uri: `${REDIRECT_URI}/` },
      { redirect_uri: "" },
    ];
    for (const wrong of wrongs) {
      const code = await codeOf(server);
      expect([wrong, await exchange(server, code, wrong)]).toMatchObject([wrong, INVALID_GRANT]);
      expect(await exchange(server, code)).toMatchObject(INVALID_GRANT);
    }
  });

  test("codes go to the user's own machine and to what the operator names, to the letter, and nowhere else", async () => {
    const redirectUris = ["https://app.example.com/callback?from=box", "com.example.tool:/callback"];
    await using server = await startServer({ settings: { redirectUris } });
    const good = [...redirectUris, "http://127.0.0.1:1/", "http://[::1]:5555/callback", "http://localhost:5555/"];
    for (const redirect_uri of good)
      expect([redirect_uri, (await visit(server, { redirect_uri })).status]).toEqual([redirect_uri, 200]);
    const bad = [
      "https://app.example.com/callback",
      "https://app.example.com/callback?from=box&more=1",
      "https://app.example.com/callback?from=box#part",
      "https://127.0.0.1:5555/callback",
      "http://127.0.0.1.example.com/callback",
      "http://127.0.0.1:5555@example.com/callback",
      "http://user@127.0.0.1:5555/callback",
      "http://127.0.0.1:5555/callback#part",
      "http://app.preview.localhost:5555/",
      "http://192.168.1.2:5555/callback",
      "javascript:alert(1)",
      "//127.0.0.1:5555/callback",
      "callback",
    ];
    for (const redirect_uri of bad) {
      const response = await visit(server, { redirect_uri });
      expect([redirect_uri, response.status, response.headers.get("location")]).toEqual([redirect_uri, 400, null]);
    }
    const named = await agree(server, { redirect_uri: redirectUris[0] ?? "" });
    expect([named.get("from"), named.has("code")]).toEqual(["box", true]);
  });

  test("no app in a sandbox of this server can be where a code goes", async () => {
    await using server = await startServer();
    for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
      const redirect_uri = `http://${host}:4000/run/default/sandboxes/box/port/3000/`;
      expect((await visit(server, { redirect_uri })).status).toBe(400);
    }
  });

  test("what else is wrong, and a refusal, the client is told", async () => {
    await using server = await startServer();
    const errorOf = async (changes: Fields) => {
      const response = await visit(server, changes);
      return new URL(response.headers.get("location") ?? "").searchParams.get("error");
    };
    expect(await errorOf({ response_type: "token" })).toBe("unsupported_response_type");
    expect(await errorOf({ code_challenge_method: "plain" })).toBe("invalid_request");
    expect(await errorOf({ code_challenge: "" })).toBe("invalid_request");
    const refused = await agree(server, {}, { decision: "deny", api_key: "" });
    expect([refused.get("error"), refused.get("state")]).toEqual(["access_denied", "of the client"]);
  });

  test("the form is taken from its own page only, and wrong credentials lead nowhere", async () => {
    await using server = await startServer();
    const form = { decision: "approve", api_key: server.apiKey };
    const forged = await postForm(server, pathOf(), form, { origin: "https://evil.example" });
    expect([forged.status, forged.headers.get("location")]).toEqual([403, null]);
    const wrong = await postForm(server, pathOf(), { ...form, api_key: "dm_wrong" });
    expect([wrong.status, wrong.headers.get("location")]).toEqual([401, null]);
  });
});
