import { describe, expect, test } from "bun:test";
import type { AccountAnswer, AccountCreateAnswer, AuditPage } from "@dormouse/schema";
import { as, join, logIn, makeAccount, makeKey, makeUser, type NewApiKey } from "../../testkit/accounts.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";
import { loadDirectory } from "../directory.ts";

const EMAIL = "ada@example.com";
const PASSWORD = "correct horse battery";
const REQUEST = { name: "Theirs", owner: { email: EMAIL }, workspace: { name: "theirs" } };

type Headers = Record<string, string>;

const create = (server: TestServer, change: object = {}, headers: Headers = {}) =>
  server.call("POST", "/accounts", { ...REQUEST, ...change }, headers);

async function accountsOf(server: TestServer, headers: Headers = {}): Promise<AccountAnswer[]> {
  return (await server.call("GET", "/accounts", undefined, headers)).body as AccountAnswer[];
}

const statusOf = async (server: TestServer, path: string, headers: Headers): Promise<number> =>
  (await server.call("GET", path, undefined, headers)).status;

async function auditOf(server: TestServer, headers: Headers = {}): Promise<string[]> {
  const { body } = await server.call("GET", "/audit?limit=200", undefined, headers);
  return (body as AuditPage).data.map(({ action, resource, status }) => `${action} ${resource} ${status}`);
}

describe("F263 further accounts", () => {
  test("an administrator of the installation makes one; its owner comes by invitation, and makes workspaces of it", async () => {
    await using server = await startServer();
    const { status, body } = await create(server);
    const { invitation, ...account } = body as AccountCreateAnswer;
    expect(status).toBe(200);
    expect(account).toMatchObject({ name: "Theirs", owners: [{ email: EMAIL, accepted: false }] });
    expect(invitation).toMatchObject({ email: EMAIL, role: "admin", workspace: "theirs" });
    await join(server, invitation, PASSWORD);
    const { access_token } = await logIn(server, { email: EMAIL, password: PASSWORD });
    const owner = as(access_token);
    const accepted = { ...account, owners: [{ ...account.owners[0], accepted: true }] };
    expect(await accountsOf(server, owner)).toEqual([accepted] as AccountAnswer[]);
    expect(await accountsOf(server)).toMatchObject([{ name: "Theirs" }, { name: "default" }]);
    expect(await server.call("POST", "/workspaces", { name: "more" }, owner)).toMatchObject({
      status: 200,
      body: { accountId: account.id },
    });
    const { body: key } = await server.call("POST", "/api_keys", {}, as(access_token, "theirs"));
    expect(await accountsOf(server, as((key as NewApiKey).apiKey))).toEqual([]);
    expect(await auditOf(server)).toContain(`accounts.create accounts/${account.id} 200`);
  });

  test("names that are taken, and what is no account, change nothing", async () => {
    await using server = await startServer();
    await create(server);
    const state = async () => [await accountsOf(server), await server.deps.store.accounts.workspaces()];
    const before = await state();
    const refusals = [
      [{ workspace: { name: "more" } }, 409, "ACCOUNT_ALREADY_EXISTS"],
      [{ name: "More" }, 409, "WORKSPACE_ALREADY_EXISTS"],
      [{ name: "More", workspace: { name: "default" } }, 409, "WORKSPACE_ALREADY_EXISTS"],
      [{ name: " " }, 400, "INVALID_ARGUMENT"],
      [{ name: "More", owner: { email: "nobody" } }, 400, "INVALID_ARGUMENT"],
      [{ name: "More", workspace: { name: "Not Good" } }, 400, "INVALID_ARGUMENT"],
      // Has keys alone, and could never take the invitation.
      [{ name: "More", owner: { email: "admin@localhost" }, workspace: { name: "more" } }, 400, "INVALID_ARGUMENT"],
    ] as const;
    for (const [change, status, error] of refusals) {
      const refused = await create(server, change);
      expect({ change, refused }).toMatchObject({ change, refused: { status, body: { error } } });
    }
    expect(await state()).toEqual(before);
    expect(server.deps.directory.credentials.people.hasWorkspace("more")).toBe(false);
  });

  test("only administrators of the installation make and delete them", async () => {
    await using server = await startServer();
    const { id, owner } = await makeAccount(server, "theirs", EMAIL);
    const { body } = await server.call("POST", "/api_keys", {});
    const firstOwnersKeyOfOneWorkspace = as((body as NewApiKey).apiKey);
    for (const headers of [owner, firstOwnersKeyOfOneWorkspace, as(await makeKey(server, "admin"))]) {
      const request = { name: "More", workspace: { name: "more" } };
      expect(await create(server, request, headers)).toMatchObject({ status: 403 });
      expect(await server.call("DELETE", `/accounts/${id}`, undefined, headers)).toMatchObject({ status: 403 });
    }
    expect(await accountsOf(server)).toHaveLength(2);
  });

  test("somebody who was there before owns nothing until they have proved who they are, also after a restart", async () => {
    await using server = await startServer();
    await makeUser(server, EMAIL, "member", PASSWORD);
    const { access_token } = await logIn(server, { email: EMAIL, password: PASSWORD });
    const { invitation } = (await create(server)).body as AccountCreateAnswer;
    const { directory, store, clock } = server.deps;
    expect(await statusOf(server, "/sandboxes", as(access_token, "theirs"))).toBe(403);
    expect((await loadDirectory(store, clock)).isApiKeyValid("theirs", access_token)).toBe(false);
    expect(await accountsOf(server, as(access_token))).toEqual([]);
    await expect(join(server, invitation, "chosen by another")).rejects.toThrow("401");
    expect(directory.isApiKeyValid("theirs", access_token)).toBe(false);
    await join(server, invitation, PASSWORD);
    expect(await statusOf(server, "/sandboxes", as(access_token, "theirs"))).toBe(200);
    expect((await loadDirectory(store, clock)).isApiKeyValid("theirs", access_token)).toBe(true);
    expect(await accountsOf(server, as(access_token))).toMatchObject([{ name: "Theirs" }]);
  });
});

describe("F260 what an account owns is invisible to every other", () => {
  test("neither the owner nor the installation's administrator has a way into the other's workspaces", async () => {
    await using server = await startServer();
    const { owner, token } = await makeAccount(server, "theirs", EMAIL);
    await server.create("ours");
    await server.call("POST", "/sandboxes", { metadata: { name: "box" } }, owner);
    const admin = as(server.apiKey, "theirs");
    for (const path of ["/sandboxes", "/sandboxes/box", "/users", "/api_keys", "/audit", "/workspaces/theirs"]) {
      expect({ path, status: await statusOf(server, path, admin) }).toEqual({ path, status: 403 });
    }
    expect(await statusOf(server, "/workspaces/theirs", {})).toBe(404);
    expect(await server.call("POST", "/users", { email: "me@example.com" }, admin)).toMatchObject({ status: 403 });
    expect(await server.call("DELETE", "/workspaces/theirs")).toMatchObject({ status: 404 });
    expect((await server.call("GET", "/workspaces")).body).toMatchObject([{ name: "default" }]);
    expect(server.deps.directory.isApiKeyValid("theirs", server.apiKey)).toBe(false);
    for (const path of ["/sandboxes/ours", "/users"]) {
      expect({ path, status: await statusOf(server, path, as(token, "default")) }).toEqual({ path, status: 403 });
    }
    expect(await statusOf(server, "/workspaces/default", owner)).toBe(404);
    expect((await server.call("GET", "/workspaces", undefined, owner)).body).toMatchObject([{ name: "theirs" }]);
    expect((await server.call("GET", "/users", undefined, owner)).body).toMatchObject([{ email: EMAIL }]);
    expect((await server.call("GET", "/sandboxes", undefined, owner)).body).toMatchObject({
      data: [{ metadata: { name: "box" } }],
    });
    expect(server.deps.directory.isApiKeyValid("default", token)).toBe(false);
  });

  test("the log of what belongs to no workspace is told to nobody of another account", async () => {
    await using server = await startServer();
    const { owner, token } = await makeAccount(server, "theirs", EMAIL);
    await server.call("GET", "/sandboxes", undefined, as("dm_unknown", "nowhere"));
    await server.call("POST", "/workspaces", { name: "short" }, owner);
    await server.call("POST", "/sandboxes", { metadata: { name: "box" } }, as(token, "short"));
    await server.call("DELETE", "/sandboxes/box", undefined, as(token, "short"));
    await server.call("DELETE", "/workspaces/short", undefined, as(token, "short"));
    const theirs = [
      "workspaces.delete workspaces/short 200",
      "sandboxes.delete sandboxes/box 200",
      "sandboxes.create sandboxes/box 200",
      "workspaces.create workspaces/short 200",
    ];
    const seenByOwner = await auditOf(server, owner);
    expect(seenByOwner.filter((line) => /sandboxes|workspaces/.test(line))).toEqual(theirs);
    expect(seenByOwner).not.toContainEqual(expect.stringContaining("401"));
    const seenByAdmin = await auditOf(server);
    expect(seenByAdmin).toContainEqual(expect.stringContaining("401"));
    for (const line of theirs) expect(seenByAdmin).not.toContain(line);
  });
});

describe("F263 the end of an account", () => {
  test("the first one stays, one that is unknown is 404, and one with a sandbox is 409 and stays as it is", async () => {
    await using server = await startServer();
    const { id, owner } = await makeAccount(server, "theirs", EMAIL);
    const remove = (which: string) => server.call("DELETE", `/accounts/${which}`);
    const first = (await accountsOf(server)).find(({ name }) => name === "default");
    expect(await remove(first?.id ?? "")).toMatchObject({ status: 409, body: { error: "ACCOUNT_IN_USE" } });
    expect(await remove("none")).toMatchObject({ status: 404, body: { error: "ACCOUNT_NOT_FOUND" } });
    await server.call("POST", "/sandboxes", { metadata: { name: "box" } }, owner);
    expect(await remove(id)).toMatchObject({ status: 409, body: { error: "ACCOUNT_IN_USE" } });
    expect(await statusOf(server, "/sandboxes/box", owner)).toBe(200);
    // Its owner could not come in any more.
    await server.call("DELETE", "/sandboxes/box", undefined, owner);
    expect(await server.call("DELETE", "/workspaces/theirs", undefined, owner)).toMatchObject({
      status: 409,
      body: { error: "WORKSPACE_IN_USE" },
    });
  });

  test("an empty one goes with its workspaces, keys and people, and all names are free again", async () => {
    await using server = await startServer();
    const { id, owner, token } = await makeAccount(server, "theirs", EMAIL);
    await server.call("POST", "/workspaces", { name: "more" }, owner);
    const key = await makeKey(server, "admin", as(token, "more"));
    expect(await server.call("DELETE", `/accounts/${id}`)).toMatchObject({ status: 200, body: { id } });
    expect(await statusOf(server, "/sandboxes", as(key))).toBe(401);
    expect(await statusOf(server, "/workspaces", owner)).toBe(403);
    expect(await accountsOf(server)).toMatchObject([{ name: "default" }]);
    expect(await server.deps.store.users.findByEmail(EMAIL)).toBeUndefined();
    const again = await makeAccount(server, "theirs", EMAIL);
    expect(again.id).not.toBe(id);
    expect(await server.call("POST", "/workspaces", { name: "more" }, again.owner)).toMatchObject({ status: 200 });
    expect(await statusOf(server, "/sandboxes", as(key))).toBe(401);
  });
});
