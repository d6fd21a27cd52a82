import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { Kysely } from "kysely";
import { administratorKey, insertApiKey, type FirstApiKey } from "./credentials.ts";
import { insertFirstMember, insertInvitation, removeStrayUsers, type NewInvitation } from "./member-rows.ts";
import type { Tables } from "./tables.ts";
import { deleteEmptyWorkspaces, fromWorkspaceRow, insertWorkspaceRow, type WorkspaceRecord } from "./workspace-rows.ts";

/** Who the first start makes: it has no mailbox and signs in with the administrator's key. */
const FIRST_EMAIL = "admin@localhost";

export interface AccountOwner {
  readonly accountId: string;
  readonly userId: string;
}

export interface AccountRecord {
  readonly id: string;
  /** Unique in the installation. */
  readonly name: string;
  readonly createdAtMs: number;
}

/** An account that begins with one workspace, and with an owner who has yet to come. */
export interface NewAccount extends AccountRecord {
  readonly workspace: WorkspaceRecord;
  readonly owner: NewInvitation;
}

/** Who owns an account, or is to own it. */
export interface AccountOwnerRecord extends AccountOwner {
  readonly email: string;
  /** True until the invitation is taken. */
  readonly isInvited: boolean;
}

/** Rows of `installation`, `accounts`, `account_owners` and `workspaces`. */
export class AccountRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** Sets up one account with its owner, workspace and key, all or nothing. False if the installation was set up before. */
  async install(previewSecret: string, key: FirstApiKey): Promise<boolean> {
    return this.#db.transaction().execute(async (transaction) => {
      const installed = await transaction
        .insertInto("installation")
        .values({ id: 1, preview_secret: previewSecret, token_secret: randomSecret() })
        .onConflict((conflict) => conflict.doNothing())
        .returning("id")
        .executeTakeFirst();
      if (installed === undefined) return false;
      await insertFirstAccount(transaction, key);
      return true;
    });
  }

  /** Seed of the preview ids: they stay the same as long as it does. */
  async previewSecret(): Promise<string> {
    const row = await this.#db.selectFrom("installation").select("preview_secret").executeTakeFirstOrThrow();
    return row.preview_secret;
  }

  /** Signs access tokens: whoever has it can make them. */
  async tokenSecret(): Promise<string> {
    const row = await this.#db.selectFrom("installation").select("token_secret").executeTakeFirstOrThrow();
    return row.token_secret;
  }

  async owners(): Promise<AccountOwner[]> {
    const rows = await this.#db.selectFrom("account_owners").selectAll().execute();
    return rows.map((row) => ({ accountId: row.account_id, userId: row.user_id }));
  }

  /** The account of the first start: its owners administer the installation. */
  async firstAccountId(): Promise<string> {
    const row = await this.#db.selectFrom("installation").select("account_id").executeTakeFirstOrThrow();
    if (row.account_id === null) throw new Error("Cannot find the first account: the installation is not set up");
    return row.account_id;
  }

  /** By name. */
  async accounts(): Promise<AccountRecord[]> {
    const rows = await this.#db.selectFrom("accounts").selectAll().orderBy("name").execute();
    return rows.map((row) => ({ id: row.id, name: row.name, createdAtMs: row.created_at_ms }));
  }

  /** Of every account, those merely invited included. */
  async allOwners(): Promise<AccountOwnerRecord[]> {
    const owners = await this.#db
      .selectFrom("account_owners")
      .innerJoin("users", "users.id", "account_owners.user_id")
      .select(["account_id", "user_id", "email"])
      .execute();
    const invited = await this.#db
      .selectFrom("memberships")
      .innerJoin("workspaces", "workspaces.name", "memberships.workspace")
      .innerJoin("users", "users.id", "memberships.user_id")
      .select(["account_id", "user_id", "email"])
      .where("invitation_makes_owner", "=", 1)
      .execute();
    const rows = [
      ...owners.map((row) => ({ row, isInvited: false })),
      ...invited.map((row) => ({ row, isInvited: true })),
    ];
    return rows.map(({ row, isInvited }) => ({
      accountId: row.account_id,
      userId: row.user_id,
      email: row.email,
      isInvited,
    }));
  }

  /** All or nothing. Resolves with the owner's id. @throws {AppError} ACCOUNT_ALREADY_EXISTS, WORKSPACE_ALREADY_EXISTS */
  async insertAccount({ id, name, createdAtMs, workspace, owner }: NewAccount): Promise<string> {
    return this.#db.transaction().execute(async (transaction) => {
      const inserted = await transaction
        .insertInto("accounts")
        .values({ id, name, created_at_ms: createdAtMs })
        .onConflict((conflict) => conflict.column("name").doNothing())
        .returning("id")
        .executeTakeFirst();
      if (inserted === undefined) {
        throw new AppError("ACCOUNT_ALREADY_EXISTS", `Cannot create account "${name}": the name is taken`, {
          hint: "Choose another name",
        });
      }
      await insertWorkspaceRow(transaction, workspace);
      return insertInvitation(transaction, owner);
    });
  }

  /**
   * Its workspaces go with it, with all that goes with them. What was audited in them becomes the installation's. Idempotent.
   * @throws {AppError} ACCOUNT_IN_USE while one of them has volumes, images, or sandboxes that are not over
   */
  async removeAccount({ id, name }: AccountRecord): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await lockAccount(transaction, id);
      await transaction.selectFrom("workspaces").select("name").where("account_id", "=", id).forUpdate().execute();
      await transaction
        .updateTable("audit_events")
        .set({ workspace: null, account_id: null })
        .where((eb) =>
          eb.or([
            eb("account_id", "=", id),
            eb("workspace", "in", eb.selectFrom("workspaces").select("name").where("account_id", "=", id)),
          ]),
        )
        .execute();
      await deleteEmptyWorkspaces(transaction).where("account_id", "=", id).execute();
      const left = await firstWorkspaceOf(transaction, id);
      if (left !== undefined) {
        throw new AppError("ACCOUNT_IN_USE", `Cannot delete account "${name}": it has sandboxes, volumes or images`, {
          hint: "Its owner can delete them",
        });
      }
      await transaction.deleteFrom("accounts").where("id", "=", id).execute();
      await removeStrayUsers(transaction);
    });
  }

  /** Whoever makes it is its first administrator. @throws {AppError} WORKSPACE_ALREADY_EXISTS */
  async insertWorkspace(record: WorkspaceRecord): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await insertWorkspaceRow(transaction, record);
      await insertFirstMember(transaction, record);
    });
  }

  async workspaces(): Promise<WorkspaceRecord[]> {
    const rows = await this.#db.selectFrom("workspaces").selectAll().orderBy("name").execute();
    return rows.map(fromWorkspaceRow);
  }

  async findWorkspace(name: string): Promise<WorkspaceRecord | undefined> {
    const row = await this.#db.selectFrom("workspaces").selectAll().where("name", "=", name).executeTakeFirst();
    return row && fromWorkspaceRow(row);
  }

  /** `undefined` if it is gone. */
  async changeWorkspace(
    name: WorkspaceName,
    change: Pick<WorkspaceRecord, "displayName" | "labels" | "updatedAtMs">,
  ): Promise<WorkspaceRecord | undefined> {
    const row = await this.#db
      .updateTable("workspaces")
      .set({
        display_name: change.displayName,
        labels: JSON.stringify(change.labels),
        updated_at_ms: change.updatedAtMs,
      })
      .where("name", "=", name)
      .returningAll()
      .executeTakeFirst();
    return row && fromWorkspaceRow(row);
  }

  /**
   * Its members, service accounts and keys go with it; users who are in no other workspace too. What was audited in it becomes
   * the account's. False while it has volumes, images, or sandboxes that are not over.
   * @throws {AppError} WORKSPACE_IN_USE for the last one of its account
   */
  async removeWorkspace(name: WorkspaceName): Promise<boolean> {
    const accountId = (await this.findWorkspace(name))?.accountId;
    if (accountId === undefined) return false;
    return this.#db.transaction().execute(async (transaction) => {
      // Whoever deletes another one of the account, or creates a sandbox in this one, waits until this has ended.
      await lockAccount(transaction, accountId);
      await transaction.selectFrom("workspaces").select("name").where("name", "=", name).forUpdate().execute();
      const removed = await deleteEmptyWorkspaces(transaction)
        .where("name", "=", name)
        .returning("name")
        .executeTakeFirst();
      if (removed === undefined) return false;
      if ((await firstWorkspaceOf(transaction, accountId)) === undefined) {
        throw new AppError("WORKSPACE_IN_USE", `Cannot delete workspace "${name}": it is the last one of the account`, {
          hint: "The account's owner could enter nothing any more; create another workspace first",
        });
      }
      await transaction
        .updateTable("audit_events")
        .set({ workspace: null, account_id: accountId })
        .where("workspace", "=", name)
        .execute();
      await removeStrayUsers(transaction);
      return true;
    });
  }
}

async function insertFirstAccount(db: Kysely<Tables>, key: FirstApiKey): Promise<void> {
  const { workspace, createdAtMs } = key;
  const accountId = randomId(20);
  const userId = randomId(20);
  await db.insertInto("accounts").values({ id: accountId, name: workspace, created_at_ms: createdAtMs }).execute();
  await db
    .insertInto("users")
    .values({ id: userId, email: FIRST_EMAIL, password_hash: null, created_at_ms: createdAtMs })
    .execute();
  await db.insertInto("account_owners").values({ account_id: accountId, user_id: userId }).execute();
  await db.updateTable("installation").set({ account_id: accountId }).execute();
  const record: WorkspaceRecord = {
    name: workspace,
    id: randomId(20),
    accountId,
    displayName: workspace,
    labels: {},
    createdBy: userId,
    createdAtMs,
    updatedAtMs: createdAtMs,
  };
  await insertWorkspaceRow(db, record);
  await insertFirstMember(db, record);
  await insertApiKey(db, administratorKey(key, userId));
}

async function lockAccount(db: Kysely<Tables>, id: string): Promise<void> {
  await db.selectFrom("accounts").select("id").where("id", "=", id).forUpdate().execute();
}

async function firstWorkspaceOf(db: Kysely<Tables>, accountId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("workspaces")
    .select("name")
    .where("account_id", "=", accountId)
    .limit(1)
    .executeTakeFirst();
  return row?.name;
}
