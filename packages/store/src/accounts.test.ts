import { describe, expect, test } from "bun:test";
import type { AppError } from "@dormouse/kernel";
import { AuditQuery, WorkspaceName } from "@dormouse/schema";
import { describeEachDatabase, newSandbox, openInstalledStore, WORKSPACE } from "../testkit/index.ts";
import { openDatabase } from "./database.ts";
import { migrateTo } from "./migrations.ts";
import { openStore, type ApiKeyRecord, type AuditRecord, type Store } from "./index.ts";

const OTHER = WorkspaceName.parse("other");

/** The code a store call fails with, if it fails. */
const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: AppError) => error.code,
  );

async function ownerOf(store: Store): Promise<{ accountId: string; userId: string }> {
  const [owner] = await store.accounts.owners();
  if (owner === undefined) throw new Error("there is no owner");
  return owner;
}

async function addOther(store: Store): Promise<void> {
  const { accountId, userId: createdBy } = await ownerOf(store);
  const texts = { id: "w2", displayName: "Other", labels: {} };
  await store.accounts.insertWorkspace({ name: OTHER, accountId, createdBy, createdAtMs: 2, updatedAtMs: 2, ...texts });
}

function invite(store: Store, email: string, workspace = WORKSPACE, hash = `${email} ${workspace}`) {
  const invitation = { hash, expiresAtMs: 100, makesOwner: false };
  const userId = `new ${email}`;
  return store.users.invite({ userId, email, workspace, role: "member", invitedBy: "x", invitation, createdAtMs: 3 });
}

function newKey(userId: string, change: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  return {
    id: "further",
    workspace: WORKSPACE,
    subject: { type: "user", id: userId },
    scope: "workspace",
    name: "further",
    prefix: "dm_furth",
    hash: "h2",
    createdBy: userId,
    createdAtMs: 4,
    expiresAtMs: 1_900_000_000_000,
    lastUsedAtMs: undefined,
    ...change,
  };
}

describeEachDatabase((kind) => {
  const open = async (): Promise<Store> => openInstalledStore(await kind.create());

  test("an installation of before there were accounts gets one, with its keys and an administrator", async () => {
    const options = await kind.create();
    {
      await using db = await openDatabase(options);
      await migrateTo(db, "0001-sandboxes-and-previews");
      const old = {
        insertInto: db.insertInto.bind(db) as (table: string) => {
          values(row: object): { execute(): Promise<unknown> };
        },
      };
      await old.insertInto("installation").values({ id: 1, preview_secret: "seed" }).execute();
      for (const name of ["default", "other"]) {
        await old.insertInto("workspaces").values({ name, created_at_ms: 1 }).execute();
      }
      const key = { id: "k1", workspace: "default", name: "administrator", hash: "h1", created_at_ms: 1 };
      await old.insertInto("api_keys").values(key).execute();
      await old
        .insertInto("api_keys")
        .values({ ...key, id: "k2", hash: "h2", name: "second" })
        .execute();
    }
    await using store = await openStore(options);
    const { accountId, userId } = await ownerOf(store);
    expect(await store.accounts.workspaces()).toMatchObject([
      { name: "default", accountId, createdBy: userId },
      { name: "other", accountId, createdBy: userId },
    ]);
    const keys = (await store.credentials.apiKeys()).toSorted((a, b) => a.id.localeCompare(b.id));
    expect(keys).toMatchObject([
      { id: "k1", scope: "account", subject: { type: "user", id: userId } },
      { id: "k2", scope: "workspace", subject: { type: "user", id: userId } },
    ]);
    expect(await store.users.members()).toBeArrayOfSize(2);
    expect(await store.accounts.tokenSecret()).toMatch(/^[\w-]{43}$/);
  });

  test("the administrator's key is replaced, and what was confirmed with the old one ends", async () => {
    await using store = await open();
    const { userId } = await ownerOf(store);
    const grant = { id: "g", userId, workspace: undefined, apiKeyId: "k1", refreshHash: "r" };
    await store.credentials.insertGrant({ ...grant, createdAtMs: 1, expiresAtMs: 2 });
    const key = { id: "k9", workspace: WORKSPACE, name: "administrator", hash: "h9", createdAtMs: 5 };
    await store.credentials.replaceAdministratorKey(key);
    await store.credentials.replaceAdministratorKey({ ...key, id: "k10" });
    expect(await store.credentials.apiKeys()).toMatchObject([{ id: "k9", scope: "account" }]);
    expect(await store.credentials.grants()).toEqual([]);
  });

  test("keys, service accounts and grants come back as they were stored", async () => {
    await using store = await open();
    const { userId } = await ownerOf(store);
    const key = newKey(userId);
    await store.credentials.insertApiKey(key);
    expect(await store.credentials.findApiKey(WORKSPACE, key.id)).toEqual(key);
    expect(await store.credentials.findApiKey(OTHER, key.id)).toBeUndefined();
    await store.credentials.noteUse(new Map([[key.id, 1_795_000_000_000]]));
    expect(await store.credentials.findApiKey(WORKSPACE, key.id)).toMatchObject({ lastUsedAtMs: 1_795_000_000_000 });
    const account = {
      clientId: "sa-1",
      workspace: WORKSPACE,
      name: "robot",
      description: "",
      role: "member",
      secretHash: "s",
      createdAtMs: 1,
      updatedAtMs: 1,
    } as const;
    await store.credentials.insertServiceAccount(account);
    expect(await store.credentials.serviceAccounts()).toEqual([account]);
    const subject = { type: "service_account", id: "sa-1" } as const;
    await store.credentials.insertApiKey(newKey("", { id: "its", hash: "h3", subject }));
    expect(await store.credentials.apiKeysOf(WORKSPACE, subject)).toMatchObject([{ id: "its", subject }]);
    await store.credentials.removeServiceAccount("sa-1");
    expect(await store.credentials.findApiKey(WORKSPACE, "its")).toBeUndefined();
    const grant = { id: "g", userId, workspace: WORKSPACE, apiKeyId: undefined, refreshHash: "r" };
    await store.credentials.insertGrant({ ...grant, createdAtMs: 1, expiresAtMs: 2 });
    expect(await store.credentials.grants()).toEqual([{ ...grant, createdAtMs: 1, expiresAtMs: 2 }]);
    await store.credentials.removeGrantsExpiredBefore(3);
    expect(await store.credentials.grants()).toEqual([]);
  });

  describe("members", () => {
    test("an invitation is taken once; a later one replaces one that was not taken, and nobody is invited twice", async () => {
      await using store = await open();
      const first = await invite(store, "a@b.c", WORKSPACE, "one");
      const second = await invite(store, "a@b.c", WORKSPACE, "two");
      expect(second.userId).toBe(first.userId);
      expect(await store.users.findInvited("one")).toBeUndefined();
      expect(await store.users.accept(first, "hash")).toBe(false);
      expect(await store.users.accept(second, "hash")).toBe(true);
      expect(await store.users.accept(second, "other hash")).toBe(false);
      expect(await store.users.findByEmail("a@b.c")).toMatchObject({ passwordHash: "hash" });
      expect(await codeOf(invite(store, "a@b.c", WORKSPACE, "three"))).toBe("USER_ALREADY_EXISTS");
    });

    test("a user who has left every workspace is gone, with keys and grants; an owner stays", async () => {
      await using store = await open();
      await addOther(store);
      const { userId } = await invite(store, "a@b.c");
      await invite(store, "a@b.c", OTHER);
      await store.credentials.insertApiKey(newKey(userId));
      await store.users.removeMember(WORKSPACE, userId);
      expect(await store.credentials.apiKeys()).toMatchObject([{ id: "k1" }]);
      expect(await store.users.findByEmail("a@b.c")).toBeDefined();
      await store.users.removeMember(OTHER, userId);
      expect(await store.users.findByEmail("a@b.c")).toBeUndefined();
      const owner = await ownerOf(store);
      for (const workspace of [WORKSPACE, OTHER]) await store.users.removeMember(workspace, owner.userId);
      expect(await store.users.all()).toBeArrayOfSize(1);
      expect(await store.credentials.apiKeys()).toMatchObject([{ id: "k1", scope: "account" }]);
    });
  });

  test("a workspace with a sandbox stays; without, all of it goes", async () => {
    await using store = await open();
    await addOther(store);
    expect(await codeOf(addOther(store))).toBe("WORKSPACE_ALREADY_EXISTS");
    await invite(store, "a@b.c", OTHER);
    const sandbox = newSandbox("box", { workspace: OTHER });
    await store.sandboxes.insert(sandbox);
    expect(await store.accounts.removeWorkspace(OTHER)).toBe(false);
    await store.sandboxes.remove(sandbox.id);
    expect(await store.accounts.removeWorkspace(OTHER)).toBe(true);
    expect(await store.accounts.findWorkspace(OTHER)).toBeUndefined();
    expect(await store.users.findByEmail("a@b.c")).toBeUndefined();
  });

  test("the audit log is read from new to old, by workspace, and forgotten by age", async () => {
    await using store = await open();
    const entry = (at: number, change: Partial<AuditRecord> = {}): AuditRecord => ({
      id: `id${at}`,
      workspace: WORKSPACE,
      accountId: undefined,
      atMs: at,
      actor: { type: "user", id: "u", name: "a@b.c", apiKeyId: undefined },
      action: "sandboxes.create",
      method: "POST",
      resource: `sandboxes/box_${at}`,
      status: 200,
      code: undefined,
      requestId: "r",
      clientAddress: "127.0.0.1",
      ...change,
    });
    const entries = [
      entry(1),
      entry(2, { workspace: OTHER }),
      entry(3, { workspace: undefined, actor: undefined }),
      entry(4),
    ];
    await store.audit.insert(entries);
    await store.audit.insert(entries);
    const scope = { workspace: WORKSPACE, accountId: undefined, withInstallation: false };
    const ids = async (query: object, withInstallation = false) => {
      const found = await store.audit.list({ ...scope, withInstallation }, AuditQuery.parse(query));
      return found.map(({ id }) => id);
    };
    expect(await ids({})).toEqual(["id4", "id1"]);
    expect(await ids({}, true)).toEqual(["id4", "id3", "id1"]);
    expect(await ids({ limit: 1, cursor: "id4" }, true)).toEqual(["id3", "id1"]);
    expect(await ids({ resource: "sandboxes/box_1" })).toEqual(["id1"]);
    expect(await ids({ resource: "sandboxes/box" })).toEqual([]);
    const [first] = await store.audit.list(scope, AuditQuery.parse({}));
    expect(first).toEqual(entry(4));
    await store.audit.removeBefore(4);
    expect(await ids({}, true)).toEqual(["id4"]);
  });
});
