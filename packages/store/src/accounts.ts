import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import { administratorKey, insertApiKey, type FirstApiKey } from "./credentials.ts";
import type { Tables, WorkspacesTable } from "./tables.ts";

/** Who the first start makes: it has no mailbox and signs in with the administrator's key. */
const FIRST_EMAIL = "admin@localhost";

export interface WorkspaceRecord {
  readonly name: WorkspaceName;
  /** Unlike the name, never given to another workspace. */
  readonly id: string;
  readonly accountId: string;
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Id of a user. */
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface AccountOwner {
  readonly accountId: string;
  readonly userId: string;
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

  /** Whoever makes it is its first administrator. @throws {AppError} WORKSPACE_ALREADY_EXISTS */
  async insertWorkspace(record: WorkspaceRecord): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const inserted = await transaction
        .insertInto("workspaces")
        .values(toRow(record))
        .onConflict((conflict) => conflict.doNothing())
        .returning("name")
        .executeTakeFirst();
      if (inserted === undefined) {
        throw new AppError("WORKSPACE_ALREADY_EXISTS", `Cannot create workspace "${record.name}": the name is taken`, {
          hint: "Choose another name",
        });
      }
      await insertFirstMember(transaction, record);
    });
  }

  async workspaces(): Promise<WorkspaceRecord[]> {
    const rows = await this.#db.selectFrom("workspaces").selectAll().orderBy("name").execute();
    return rows.map(fromRow);
  }

  async findWorkspace(name: string): Promise<WorkspaceRecord | undefined> {
    const row = await this.#db.selectFrom("workspaces").selectAll().where("name", "=", name).executeTakeFirst();
    return row && fromRow(row);
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
    return row && fromRow(row);
  }

  /**
   * Its members, service accounts and keys go with it; users who are in no other workspace too. What was audited in it becomes
   * the installation's. False while it has volumes, images, or sandboxes that are not over.
   */
  async removeWorkspace(name: WorkspaceName): Promise<boolean> {
    return this.#db.transaction().execute(async (transaction) => {
      // Whoever creates a sandbox in it at the same time waits until this has ended.
      await transaction.selectFrom("workspaces").select("name").where("name", "=", name).forUpdate().execute();
      const removed = await transaction
        .deleteFrom("workspaces")
        .where("name", "=", name)
        .where("name", "not in", (eb) =>
          eb.selectFrom("sandboxes").select("workspace").where("status", "!=", "TERMINATED"),
        )
        .where("name", "not in", (eb) => eb.selectFrom("volumes").select("workspace"))
        .where("name", "not in", (eb) => eb.selectFrom("images").select("workspace"))
        .returning("name")
        .executeTakeFirst();
      if (removed === undefined) return false;
      await transaction.updateTable("audit_events").set({ workspace: null }).where("workspace", "=", name).execute();
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
  await db.insertInto("workspaces").values(toRow(record)).execute();
  await insertFirstMember(db, record);
  await insertApiKey(db, administratorKey(key, userId));
}

async function insertFirstMember(db: Kysely<Tables>, { name, createdBy, createdAtMs }: WorkspaceRecord): Promise<void> {
  await db
    .insertInto("memberships")
    .values({ workspace: name, user_id: createdBy, role: "admin", invited_by: createdBy, created_at_ms: createdAtMs })
    .execute();
}

/** Users who can enter no workspace and own no account: nothing is theirs any more. */
export async function removeStrayUsers(db: Kysely<Tables>): Promise<void> {
  await db
    .deleteFrom("users")
    .where("id", "not in", (eb) => eb.selectFrom("memberships").select("user_id"))
    .where("id", "not in", (eb) => eb.selectFrom("account_owners").select("user_id"))
    .execute();
}

function toRow(record: WorkspaceRecord): Selectable<WorkspacesTable> {
  return {
    name: record.name,
    id: record.id,
    account_id: record.accountId,
    display_name: record.displayName,
    labels: JSON.stringify(record.labels),
    created_by: record.createdBy,
    created_at_ms: record.createdAtMs,
    updated_at_ms: record.updatedAtMs,
  };
}

function fromRow(row: Selectable<WorkspacesTable>): WorkspaceRecord {
  return {
    name: row.name as WorkspaceName,
    id: row.id,
    accountId: row.account_id,
    displayName: row.display_name,
    labels: JSON.parse(row.labels) as Record<string, string>,
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}
