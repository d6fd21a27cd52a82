import { describe, expect, test } from "bun:test";
import { WorkspaceName, type ApiKeyAnswer, type Role } from "@dormouse/schema";
import { as, makeKey, makeServiceAccount, type NewApiKey } from "../../testkit/accounts.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";

/** Method, path, body and what administrators and members are answered. `:name` is filled in. */
type Row = readonly [method: string, path: string, body: unknown, admin: number, member: number];

const ROWS: readonly Row[] = [
  ["GET", "/accounts", undefined, 200, 200],
  ["POST", "/accounts", { name: "More", owner: { email: "a@b.example" }, workspace: { name: "more" } }, 403, 403],
  ["DELETE", "/accounts/none", undefined, 403, 403],
  ["GET", "/workspaces", undefined, 200, 200],
  ["GET", "/workspaces/default", undefined, 200, 200],
  ["POST", "/workspaces", { name: "more" }, 403, 403],
  ["PUT", "/workspaces/default", { displayName: "Ours" }, 200, 403],
  ["DELETE", "/workspaces/default", undefined, 409, 403],
  ["POST", "/workspaces/availability", { name: "free" }, 200, 200],
  ["GET", "/users", undefined, 200, 200],
  ["POST", "/users", { email: "new@example.com" }, 200, 403],
  ["PUT", "/users/admin@localhost", { role: "admin" }, 200, 403],
  ["DELETE", "/users/nobody@example.com", undefined, 404, 403],
  ["GET", "/service_accounts", undefined, 200, 403],
  ["POST", "/service_accounts", { name: "robot" }, 200, 403],
  ["PUT", "/service_accounts/:clientId", { role: "admin" }, 200, 403],
  ["GET", "/service_accounts/:clientId/api_keys", undefined, 200, 403],
  ["POST", "/service_accounts/:clientId/api_keys", {}, 200, 403],
  ["DELETE", "/service_accounts/:clientId/api_keys/none", undefined, 404, 403],
  ["GET", "/api_keys", undefined, 200, 200],
  ["POST", "/api_keys", {}, 200, 200],
  ["DELETE", "/api_keys/:keyId", undefined, 200, 404],
  ["GET", "/audit", undefined, 200, 403],
  ["GET", "/sandboxes", undefined, 200, 200],
  ["POST", "/sandboxes", { metadata: { name: "theirs" } }, 200, 200],
  ["GET", "/sandboxes/secretive", undefined, 200, 200],
  ["GET", "/sandboxes/secretive?show_secrets=true", undefined, 200, 403],
  ["PUT", "/sandboxes/secretive", { metadata: { labels: { a: "b" } } }, 200, 200],
  ["GET", "/sandboxes/secretive/previews", undefined, 200, 200],
  ["POST", "/sandboxes/secretive/previews", { metadata: { name: "web" }, spec: { port: 3000 } }, 200, 200],
  ["GET", "/sandboxes/secretive/previews/web", undefined, 200, 200],
  ["GET", "/sandboxes/secretive/previews/web/tokens", undefined, 200, 200],
  ["POST", "/sandboxes/secretive/previews/web/tokens", {}, 200, 200],
  ["DELETE", "/sandboxes/secretive/previews/web/tokens/none", undefined, 404, 404],
  ["DELETE", "/sandboxes/secretive/previews/web", undefined, 200, 200],
  ["GET", "/sandboxes/secretive/schedules", undefined, 200, 200],
  [
    "POST",
    "/sandboxes/secretive/schedules",
    { type: "cron", value: "0 3 * * *", input: { command: "true" } },
    200,
    200,
  ],
  ["GET", "/sandboxes/secretive/schedules/:scheduleId", undefined, 200, 200],
  ["PUT", "/sandboxes/secretive/schedules/:scheduleId", { input: { command: "false" } }, 200, 200],
  ["GET", "/sandboxes/secretive/schedule-executions", undefined, 200, 200],
  ["DELETE", "/sandboxes/secretive/schedules/:scheduleId", undefined, 200, 200],
  ["GET", "/schedules", undefined, 200, 200],
  ["GET", "/schedule-executions", undefined, 200, 200],
  ["GET", "/schedules/metrics", undefined, 200, 200],
  ["GET", "/volumes", undefined, 200, 200],
  ["POST", "/volumes", { metadata: { name: "more" }, spec: { size: 64 } }, 200, 200],
  ["GET", "/volumes/private-disk", undefined, 200, 200],
  ["PUT", "/volumes/private-disk", { spec: { size: 128 } }, 200, 200],
  ["DELETE", "/volumes/private-disk", undefined, 200, 200],
  ["DELETE", "/sandboxes/secretive", undefined, 200, 200],
  ["DELETE", "/service_accounts/:clientId", undefined, 200, 403],
];

const OTHER = WorkspaceName.parse("other");
const adminOf = (server: TestServer, workspace = "default") => as(server.apiKey, workspace);

/** A server with something of everything in workspace `default`. */
async function startFurnished() {
  const server = await startServer();
  await server.create("secretive", { runtime: { envs: [{ name: "KEY", value: "hush-hush", secret: true }] } });
  await server.call("POST", "/volumes", { metadata: { name: "private-disk" }, spec: { size: 64 } });
  const nightly = { type: "cron", value: "0 2 * * *", input: { command: "echo", env: { KEY: "hush-hush" } } };
  const { body: schedule } = await server.call("POST", "/sandboxes/secretive/schedules", nightly);
  const scheduleId = (schedule as { id: string }).id;
  const { client_id: clientId } = await makeServiceAccount(server, "member");
  const { body } = await server.call("POST", `/service_accounts/${clientId}/api_keys`, {});
  const keyId = (body as ApiKeyAnswer).id;
  const fill = (path: string) =>
    path.replace(":clientId", clientId).replace(":keyId", keyId).replace(":scheduleId", scheduleId);
  return { server, fill };
}

/** All that could have been changed in workspace `default`. */
async function snapshot({ deps: { store } }: TestServer): Promise<unknown> {
  const workspaces = await store.accounts.workspaces();
  const keys = (await store.credentials.apiKeys()).map((key) => ({ ...key, lastUsedAtMs: 0 }));
  const accounts = await store.credentials.serviceAccounts();
  return { workspaces, keys, accounts, members: await store.users.members(), sandboxes: await store.sandboxes.all() };
}

describe("F262 what a role may do", () => {
  test.each(["admin", "member"] as const)("%s: every route", async (role: Role) => {
    const { server, fill } = await startFurnished();
    await using _ = server;
    const key = await makeKey(server, role);
    const answers: unknown[] = [];
    for (const [method, path, body] of ROWS) {
      const { status } = await server.call(method, fill(path), body, as(key));
      answers.push([method, path, status]);
    }
    expect(answers).toEqual(
      ROWS.map(([method, path, , admin, member]) => [method, path, role === "admin" ? admin : member]),
    );
  });

  test("what a member is refused changes nothing", async () => {
    const { server, fill } = await startFurnished();
    await using _ = server;
    const key = await makeKey(server, "member");
    const before = await snapshot(server);
    for (const [method, path, body, , member] of ROWS) {
      if (member >= 400) await server.call(method, fill(path), body, as(key));
    }
    expect(await snapshot(server)).toEqual(before);
  });

  test("a changed role holds from the next request on", async () => {
    await using server = await startServer();
    const { client_id: clientId } = await makeServiceAccount(server, "admin");
    const { body } = await server.call("POST", `/service_accounts/${clientId}/api_keys`, {});
    const { apiKey } = body as NewApiKey;
    expect(await server.call("GET", "/audit", undefined, as(apiKey))).toMatchObject({ status: 200 });
    await server.call("PUT", `/service_accounts/${clientId}`, { role: "member" });
    expect(await server.call("GET", "/audit", undefined, as(apiKey))).toMatchObject({ status: 403 });
  });

  test("secret values are shown to administrators who ask for them", async () => {
    const { server } = await startFurnished();
    await using _ = server;
    const masked = await server.call("GET", "/sandboxes/secretive");
    expect(JSON.stringify(masked.body)).not.toContain("hush-hush");
    const shown = await server.call("GET", "/sandboxes/secretive?show_secrets=true");
    expect(JSON.stringify(shown.body)).toContain("hush-hush");
  });
});

describe("F260 what a workspace owns is invisible to every other", () => {
  test("every route of another workspace's administrator answers as if it were not there, and changes nothing", async () => {
    const { server, fill } = await startFurnished();
    await using _ = server;
    await server.call("POST", "/workspaces", { name: OTHER });
    const key = await makeKey(server, "admin", adminOf(server, OTHER));
    const before = await snapshot(server);
    for (const [method, path, body] of ROWS) {
      const isOfOne = /secretive|private-disk|:clientId|:keyId|workspaces\/default/.test(path);
      if (!isOfOne) continue;
      const { status, body: answer } = await server.call(method, fill(path), body, as(key));
      expect({ method, path, status }).toEqual({ method, path, status: 404 });
      expect(JSON.stringify(answer)).not.toContain("hush-hush");
      const forged = await server.call(method, fill(path), body, as(key, "default"));
      expect({ method, path, status: forged.status }).toEqual({ method, path, status: 403 });
    }
    expect(await snapshot(server)).toEqual(before);
  });

  test("lists of another workspace show its own things only", async () => {
    const { server } = await startFurnished();
    await using _ = server;
    await server.call("POST", "/workspaces", { name: OTHER });
    const key = await makeKey(server, "admin", adminOf(server, OTHER));
    const list = async (path: string) => (await server.call("GET", path, undefined, as(key))).body;
    expect(await list("/workspaces")).toMatchObject([{ name: "other" }]);
    for (const path of ["/sandboxes", "/volumes", "/schedules", "/schedule-executions"]) {
      expect(await list(path)).toMatchObject({ data: [] });
    }
    expect(await list("/service_accounts")).toBeArrayOfSize(1);
    expect(await list("/api_keys")).toBeArrayOfSize(1);
    const { data } = (await list("/audit")) as { data: { resource: string }[] };
    expect(data.map(({ resource }) => resource.split("/")[0])).toEqual(["service_accounts", "service_accounts"]);
  });

  test("the gateway lets a key into its own workspace, and the administrator's into all of the account", async () => {
    await using server = await startServer();
    await server.call("POST", "/workspaces", { name: OTHER });
    const key = await makeKey(server, "member", adminOf(server, OTHER));
    const { directory } = server.deps;
    expect(directory.isApiKeyValid("other", key)).toBe(true);
    expect(directory.isApiKeyValid("default", key)).toBe(false);
    expect(directory.isApiKeyValid("other", server.apiKey)).toBe(true);
    expect(directory.isApiKeyValid("elsewhere", server.apiKey)).toBe(false);
  });
});

describe("F261 a key that is not good", () => {
  test("unknown, expired, revoked, cut off and mangled ones are answered alike, and open nothing", async () => {
    let nowMs = Date.parse("2026-11-22T00:00:00Z");
    await using server = await startServer({ clock: () => nowMs });
    const make = async (request: object) => (await server.call("POST", "/api_keys", request)).body as NewApiKey;
    const expiring = await make({ expires_in: "1h" });
    const revoked = await make({ name: "revoked" });
    const whole = await make({});
    expect((await server.call("GET", "/sandboxes", undefined, as(expiring.apiKey))).status).toBe(200);
    await server.call("DELETE", `/api_keys/${revoked.id}`);
    nowMs += 3_600_000;
    const bad = ["dm_unknown", expiring.apiKey, revoked.apiKey, whole.apiKey.slice(0, -1), `${whole.apiKey}x`, "a.b.c"];
    const answers = new Set<string>();
    for (const key of bad) {
      for (const header of ["authorization", "x-blaxel-authorization"]) {
        const answer = await server.call(
          "POST",
          "/sandboxes",
          { metadata: { name: "no" } },
          {
            "x-blaxel-authorization": "",
            [header]: `Bearer ${key}`,
          },
        );
        answers.add(`${answer.status} ${JSON.stringify(answer.body)}`);
        expect(server.deps.directory.isApiKeyValid("default", key)).toBe(false);
      }
    }
    expect([...answers]).toHaveLength(1);
    expect([...answers][0]).toStartWith("401 ");
    expect(await server.engine.list()).toEqual([]);
    expect((await server.call("GET", "/sandboxes", undefined, as(whole.apiKey))).status).toBe(200);
  });
});
