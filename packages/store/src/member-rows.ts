import { AppError } from "@dormouse/kernel";
import type { Role, WorkspaceName } from "@dormouse/schema";
import type { Kysely } from "kysely";
import type { Tables } from "./tables.ts";
import type { WorkspaceRecord } from "./workspace-rows.ts";

export interface Invitation {
  /** SHA-256 of its token in hex. */
  readonly hash: string;
  readonly expiresAtMs: number;
  /** Whoever takes it becomes an owner of the workspace's account. */
  readonly makesOwner: boolean;
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

/**
 * Replaces an earlier invitation of the same user that was not taken. Resolves with the user's id.
 * @throws {AppError} USER_ALREADY_EXISTS
 */
export async function insertInvitation(db: Kysely<Tables>, wanted: NewInvitation): Promise<string> {
  const { workspace, email, role, invitation } = wanted;
  const userId = await ensureUser(db, wanted);
  const pending = {
    role,
    invitation_hash: invitation.hash,
    invitation_expires_at_ms: invitation.expiresAtMs,
    invitation_makes_owner: Number(invitation.makesOwner),
  };
  const invited = await db
    .insertInto("memberships")
    .values({ workspace, user_id: userId, invited_by: wanted.invitedBy, created_at_ms: wanted.createdAtMs, ...pending })
    .onConflict((conflict) =>
      conflict
        .columns(["workspace", "user_id"])
        .doUpdateSet(pending)
        .where("memberships.invitation_hash", "is not", null),
    )
    .returning("user_id")
    .executeTakeFirst();
  if (invited !== undefined) return userId;
  throw new AppError("USER_ALREADY_EXISTS", `Cannot invite "${email}": the user is a member of the workspace already`, {
    hint: "Change the role of the member instead",
  });
}

/** Whoever makes a workspace is its first administrator. */
export async function insertFirstMember(
  db: Kysely<Tables>,
  { name, createdBy, createdAtMs }: WorkspaceRecord,
): Promise<void> {
  await db
    .insertInto("memberships")
    .values({ workspace: name, user_id: createdBy, role: "admin", invited_by: createdBy, created_at_ms: createdAtMs })
    .execute();
}

/** The user of a membership becomes an owner of the workspace's account. Idempotent. */
export async function insertOwner(db: Kysely<Tables>, workspace: WorkspaceName, userId: string): Promise<void> {
  const { account_id } = await db
    .selectFrom("workspaces")
    .select("account_id")
    .where("name", "=", workspace)
    .executeTakeFirstOrThrow();
  await db
    .insertInto("account_owners")
    .values({ account_id, user_id: userId })
    .onConflict((conflict) => conflict.doNothing())
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

async function ensureUser(db: Kysely<Tables>, { userId, email, createdAtMs }: NewInvitation): Promise<string> {
  await db
    .insertInto("users")
    .values({ id: userId, email, password_hash: null, created_at_ms: createdAtMs })
    .onConflict((conflict) => conflict.column("email").doNothing())
    .execute();
  const { id } = await db.selectFrom("users").select("id").where("email", "=", email).executeTakeFirstOrThrow();
  return id;
}
