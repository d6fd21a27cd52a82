import type { Role, WorkspaceName } from "@dormouse/schema";
import type { Kysely } from "kysely";
import { insertInvitation, insertOwner, removeStrayUsers, type Invitation, type NewInvitation } from "./member-rows.ts";
import type { Tables } from "./tables.ts";

export interface UserRecord {
  readonly id: string;
  /** Lower case. */
  readonly email: string;
  /** argon2id; `undefined` for who cannot sign in with a password. */
  readonly passwordHash: string | undefined;
}

export interface MemberRecord {
  readonly workspace: WorkspaceName;
  readonly userId: string;
  readonly email: string;
  readonly role: Role;
  /** `undefined` once it is taken: only then the member may enter. */
  readonly invitation: Invitation | undefined;
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
    const userId = await this.#db.transaction().execute((transaction) => insertInvitation(transaction, wanted));
    return { workspace, userId, email, role, invitation };
  }

  /** False if the invitation is no longer there. `passwordHash` is set only for a user who has none. */
  async accept({ workspace, userId, invitation }: MemberRecord, passwordHash: string | undefined): Promise<boolean> {
    return this.#db.transaction().execute(async (transaction) => {
      const accepted = await transaction
        .updateTable("memberships")
        .set({ invitation_hash: null, invitation_expires_at_ms: null, invitation_makes_owner: 0 })
        .where("invitation_hash", "=", invitation?.hash ?? "")
        .returning("user_id")
        .executeTakeFirst();
      if (accepted === undefined) return false;
      if (invitation?.makesOwner === true) await insertOwner(transaction, workspace, userId);
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
    .select([
      "workspace",
      "user_id",
      "email",
      "role",
      "invitation_hash",
      "invitation_expires_at_ms",
      "invitation_makes_owner",
    ]);
}

interface MemberRow {
  readonly workspace: string;
  readonly user_id: string;
  readonly email: string;
  readonly role: string;
  readonly invitation_hash: string | null;
  readonly invitation_expires_at_ms: number | null;
  readonly invitation_makes_owner: number;
}

function fromRow(row: MemberRow): MemberRecord {
  const { invitation_hash: hash, invitation_expires_at_ms: expiresAtMs, invitation_makes_owner: makesOwner } = row;
  return {
    workspace: row.workspace as WorkspaceName,
    userId: row.user_id,
    email: row.email,
    role: row.role as Role,
    invitation: hash === null ? undefined : { hash, expiresAtMs: expiresAtMs ?? 0, makesOwner: makesOwner === 1 },
  };
}
