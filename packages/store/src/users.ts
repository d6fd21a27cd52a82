import { AppError } from "@dormouse/kernel";
import type { Role, WorkspaceName } from "@dormouse/schema";
import type { Kysely } from "kysely";
import { removeStrayUsers } from "./accounts.ts";
import type { Tables } from "./tables.ts";

export interface UserRecord {
  readonly id: string;
  /** Lower case. */
  readonly email: string;
  /** argon2id; `undefined` for who cannot sign in with a password. */
  readonly passwordHash: string | undefined;
}

export interface Invitation {
  /** SHA-256 of its token in hex. */
  readonly hash: string;
  readonly expiresAtMs: number;
}

export interface MemberRecord {
  readonly workspace: WorkspaceName;
  readonly userId: string;
  readonly email: string;
  readonly role: Role;
  /** `undefined` once it is taken: only then the member may enter. */
  readonly invitation: Invitation | undefined;
}

export interface NewInvitation {
  /** Id of the user if the email is new. */
  readonly userId: string;
  readonly email: string;
  readonly workspace: WorkspaceName;
  readonly role: Role;
  readonly invitedBy: string;
  readonly invitation: Invitation;
  readonly createdAtMs: number;
}

/** Rows of `users` and `memberships`. */
export class UserRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async all(): Promise<UserRecord[]> {
    const rows = await this.#db.selectFrom("users").selectAll().execute();
    return rows.map(({ id, email, password_hash }) => ({ id, email, passwordHash: password_hash ?? undefined }));
  }

  async findByEmail(email: string): Promise<UserRecord | undefined> {
    const row = await this.#db.selectFrom("users").selectAll().where("email", "=", email).executeTakeFirst();
    return row && { id: row.id, email: row.email, passwordHash: row.password_hash ?? undefined };
  }

  async setPassword(userId: string, passwordHash: string): Promise<void> {
    await this.#db.updateTable("users").set({ password_hash: passwordHash }).where("id", "=", userId).execute();
  }

  /** Of every workspace, invited ones included. */
  async members(): Promise<MemberRecord[]> {
    return (await selectMembers(this.#db).execute()).map(fromRow);
  }

  async membersOf(workspace: WorkspaceName): Promise<MemberRecord[]> {
    const rows = await selectMembers(this.#db).where("workspace", "=", workspace).orderBy("email").execute();
    return rows.map(fromRow);
  }

  async findInvited(invitationHash: string): Promise<MemberRecord | undefined> {
    const row = await selectMembers(this.#db).where("invitation_hash", "=", invitationHash).executeTakeFirst();
    return row && fromRow(row);
  }

  /** Replaces an earlier invitation of the same user that was not taken. @throws {AppError} USER_ALREADY_EXISTS */
  async invite(wanted: NewInvitation): Promise<MemberRecord> {
    const { workspace, email, role, invitation } = wanted;
    return this.#db.transaction().execute(async (transaction) => {
      const userId = await ensureUser(transaction, wanted);
      const pending = { role, invitation_hash: invitation.hash, invitation_expires_at_ms: invitation.expiresAtMs };
      const invited = await transaction
        .insertInto("memberships")
        .values({
          workspace,
          user_id: userId,
          invited_by: wanted.invitedBy,
          created_at_ms: wanted.createdAtMs,
          ...pending,
        })
        .onConflict((conflict) =>
          conflict
            .columns(["workspace", "user_id"])
            .doUpdateSet(pending)
            .where("memberships.invitation_hash", "is not", null),
        )
        .returning("user_id")
        .executeTakeFirst();
      if (invited !== undefined) return { workspace, userId, email, role, invitation };
      throw new AppError(
        "USER_ALREADY_EXISTS",
        `Cannot invite "${email}": the user is a member of the workspace already`,
        {
          hint: "Change the role of the member instead",
        },
      );
    });
  }

  /** False if the invitation is no longer there. `passwordHash` is set only for a user who has none. */
  async accept({ userId, invitation }: MemberRecord, passwordHash: string | undefined): Promise<boolean> {
    return this.#db.transaction().execute(async (transaction) => {
      const accepted = await transaction
        .updateTable("memberships")
        .set({ invitation_hash: null, invitation_expires_at_ms: null })
        .where("invitation_hash", "=", invitation?.hash ?? "")
        .returning("user_id")
        .executeTakeFirst();
      if (accepted === undefined) return false;
      if (passwordHash === undefined) return true;
      await transaction
        .updateTable("users")
        .set({ password_hash: passwordHash })
        .where("id", "=", userId)
        .where("password_hash", "is", null)
        .execute();
      return true;
    });
  }

  /** False if the user is no member any more. */
  async setRole(workspace: WorkspaceName, userId: string, role: Role): Promise<boolean> {
    const changed = await this.#db
      .updateTable("memberships")
      .set({ role })
      .where("workspace", "=", workspace)
      .where("user_id", "=", userId)
      .returning("user_id")
      .executeTakeFirst();
    return changed !== undefined;
  }

  /** The user's keys and logins of the workspace go too, and the user who is in no other one. Idempotent. */
  async removeMember(workspace: WorkspaceName, userId: string): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      for (const table of ["memberships", "login_grants"] as const) {
        await transaction.deleteFrom(table).where("workspace", "=", workspace).where("user_id", "=", userId).execute();
      }
      await transaction
        .deleteFrom("api_keys")
        .where("workspace", "=", workspace)
        .where("user_id", "=", userId)
        .where("scope", "=", "workspace")
        .execute();
      await removeStrayUsers(transaction);
    });
  }
}

function selectMembers(db: Kysely<Tables>) {
  return db
    .selectFrom("memberships")
    .innerJoin("users", "users.id", "memberships.user_id")
    .select(["workspace", "user_id", "email", "role", "invitation_hash", "invitation_expires_at_ms"]);
}

interface MemberRow {
  readonly workspace: string;
  readonly user_id: string;
  readonly email: string;
  readonly role: string;
  readonly invitation_hash: string | null;
  readonly invitation_expires_at_ms: number | null;
}

function fromRow(row: MemberRow): MemberRecord {
  const { invitation_hash: hash, invitation_expires_at_ms: expiresAtMs } = row;
  return {
    workspace: row.workspace as WorkspaceName,
    userId: row.user_id,
    email: row.email,
    role: row.role as Role,
    invitation: hash === null ? undefined : { hash, expiresAtMs: expiresAtMs ?? 0 },
  };
}

async function ensureUser(db: Kysely<Tables>, { userId, email, createdAtMs }: NewInvitation): Promise<string> {
  await db
    .insertInto("users")
    .values({ id: userId, email, password_hash: null, created_at_ms: createdAtMs })
    .onConflict((conflict) => conflict.column("email").doNothing())
    .execute();
  const { id } = await db.selectFrom("users").select("id").where("email", "=", email).executeTakeFirstOrThrow();
  return id;
}
