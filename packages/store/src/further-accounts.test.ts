import { expect, test } from "bun:test";
import type { AppError } from "@dormouse/kernel";
import { AuditQuery, WorkspaceName } from "@dormouse/schema";
import { describeEachDatabase, newSandbox, openInstalledStore, WORKSPACE } from "../testkit/index.ts";
import type { AuditRecord, NewAccount, Store, WorkspaceRecord } from "./index.ts";

const THEIRS = WorkspaceName.parse("theirs");
const MORE = WorkspaceName.parse("more");
const EMAIL = "ada@example.com";
/** Before any random id: nothing may take the account for the first one. */
const ACCOUNT = "0";

/** The code a store call fails with, if it fails. */
const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: AppError) => error.code,
  );

function newWorkspace(name: WorkspaceName): WorkspaceRecord {
  const times = { createdAtMs: 2, updatedAtMs: 2 };
  return { name, id: `id of ${name}`, accountId: ACCOUNT, displayName: name, labels: {}, createdBy: "x", ...times };
}

function newAccount(change: Partial<NewAccount> = {}): NewAccount {
  const invitation = { hash: "invited", expiresAtMs: 100, makesOwner: true };
  const owner = { userId: "ada", email: EMAIL, role: "admin", invitedBy: "x", invitation, createdAtMs: 2 } as const;
  const workspace = change.workspace ?? newWorkspace(THEIRS);
  const place = { workspace, owner: { ...owner, workspace: workspace.name } };
  return { id: ACCOUNT, name: "Theirs", createdAtMs: 2, ...place, ...change };
}

/** The invited owner comes. */
async function takeInvitation(store: Store): Promise<void> {
  const member = await store.users.findInvited("invited");
  if (member === undefined) throw new Error("nobody is invited");
  expect(await store.users.accept(member, "a hash")).toBe(true);
}

const auditIn = (workspace: WorkspaceName): AuditRecord => ({
  id: `in ${workspace}`,
  workspace,
  accountId: undefined,
  atMs: 1,
  actor: undefined,
  action: "sandboxes.create",
  method: "POST",
  resource: "sandboxes/box",
  status: 200,
  code: undefined,
  requestId: "r",
  clientAddress: undefined,
});

describeEachDatabase((kind) => {
  const open = async (): Promise<Store> => openInstalledStore(await kind.create());

  /** Ids of what an account's owner, or one of the installation's administrators, reads of the log in a workspace. */
  const readLog = async (store: Store, accountId: string | undefined, withInstallation = false): Promise<string[]> => {
    const scope = { workspace: MORE, accountId, withInstallation };
    return (await store.audit.list(scope, AuditQuery.parse({}))).map(({ id }) => id);
  };

  /** With a second account, its owner and two workspaces. */
  const openWithTwo = async (): Promise<Store> => {
    const store = await open();
    await store.accounts.insertAccount(newAccount());
    await takeInvitation(store);
    await store.accounts.insertWorkspace({ ...newWorkspace(MORE), createdBy: "ada" });
    return store;
  };

  test("an account is made with its workspace and its owner's invitation, or not at all", async () => {
    await using store = await open();
    expect(await store.accounts.insertAccount(newAccount())).toBe("ada");
    const before = [await store.accounts.accounts(), await store.accounts.workspaces(), await store.users.all()];
    expect(before[0]).toContainEqual({ id: ACCOUNT, name: "Theirs", createdAtMs: 2 });
    const more = newWorkspace(MORE);
    expect(await codeOf(store.accounts.insertAccount(newAccount({ id: "1", workspace: more })))).toBe(
      "ACCOUNT_ALREADY_EXISTS",
    );
    for (const name of [WORKSPACE, THEIRS]) {
      const taken = newAccount({ id: "1", name: "Another", workspace: { ...more, name, accountId: "1" } });
      expect(await codeOf(store.accounts.insertAccount(taken))).toBe("WORKSPACE_ALREADY_EXISTS");
    }
    expect([await store.accounts.accounts(), await store.accounts.workspaces(), await store.users.all()]).toEqual(
      before,
    );
  });

  test("the invited owner is owner once the invitation is taken", async () => {
    await using store = await open();
    await store.accounts.insertAccount(newAccount());
    const ada = { accountId: ACCOUNT, userId: "ada" };
    expect(await store.accounts.owners()).not.toContainEqual(ada);
    expect(await store.accounts.allOwners()).toContainEqual({ ...ada, email: EMAIL, isInvited: true });
    await takeInvitation(store);
    expect(await store.accounts.owners()).toContainEqual(ada);
    expect(await store.accounts.allOwners()).toHaveLength(2);
    expect(await store.accounts.allOwners()).toContainEqual({ ...ada, email: EMAIL, isInvited: false });
  });

  test("a new administrator's key is the first account's, whichever others there are", async () => {
    await using store = await open();
    const firstAccountId = await store.accounts.firstAccountId();
    await store.accounts.insertAccount(newAccount());
    await takeInvitation(store);
    expect(await store.accounts.firstAccountId()).toBe(firstAccountId);
    const key = { id: "k9", workspace: WORKSPACE, name: "administrator", hash: "h9", createdAtMs: 5 };
    await store.credentials.replaceAdministratorKey(key);
    const owner = (await store.accounts.owners()).find(({ accountId }) => accountId === firstAccountId);
    expect(await store.credentials.apiKeys()).toMatchObject([{ id: "k9", subject: { id: owner?.userId } }]);
  });

  test("an account with a sandbox stays as it is; an empty one goes with its workspaces and people", async () => {
    await using store = await openWithTwo();
    const theirs = newAccount();
    await store.audit.insert([auditIn(THEIRS)]);
    const sandbox = newSandbox("box", { workspace: MORE });
    await store.sandboxes.insert(sandbox);
    const before = [await store.accounts.workspaces(), await store.accounts.owners(), await store.users.members()];
    expect(await codeOf(store.accounts.removeAccount(theirs))).toBe("ACCOUNT_IN_USE");
    expect([await store.accounts.workspaces(), await store.accounts.owners(), await store.users.members()]).toEqual(
      before,
    );
    expect(await readLog(store, undefined, true)).toEqual([]);
    await store.sandboxes.remove(sandbox.id);
    await store.accounts.removeAccount(theirs);
    expect(await store.accounts.workspaces()).toMatchObject([{ name: WORKSPACE }]);
    expect(await store.accounts.owners()).toHaveLength(1);
    expect(await store.users.findByEmail(EMAIL)).toBeUndefined();
    expect(await readLog(store, undefined, true)).toEqual(["in theirs"]);
    await store.accounts.removeAccount(theirs);
    await store.accounts.insertAccount(theirs);
  });

  test("of two workspaces that are deleted at once one stays: the last of its account", async () => {
    await using store = await openWithTwo();
    const removals = await Promise.all([THEIRS, MORE].map((name) => codeOf(store.accounts.removeWorkspace(name))));
    expect(new Set(removals)).toEqual(new Set([undefined, "WORKSPACE_IN_USE"]));
    expect(await store.accounts.workspaces()).toHaveLength(2);
  });

  test("what was audited in a workspace that is gone is the account's alone", async () => {
    await using store = await openWithTwo();
    await store.audit.insert([auditIn(THEIRS)]);
    expect(await store.accounts.removeWorkspace(THEIRS)).toBe(true);
    expect(await readLog(store, ACCOUNT)).toEqual(["in theirs"]);
    expect(await readLog(store, await store.accounts.firstAccountId(), true)).toEqual([]);
  });
});
