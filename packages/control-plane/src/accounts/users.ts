import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import type { InviteRequest, Role, WorkspaceName, WorkspaceUserAnswer } from "@dormouse/schema";
import type { MemberRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { hashSecret } from "../secrets.ts";
import type { AccountsContext } from "./context.ts";
import { hashPassword, verifyPassword } from "./passwords.ts";

const INVITATION_LIFETIME_MS = 7 * 86_400_000;

export interface NewInvitation {
  readonly member: MemberRecord;
  /** Known only now: the store keeps its hash. */
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Invited ones too. @throws {AppError} USER_NOT_FOUND */
export async function requireMember(
  { store }: ControlPlaneDeps,
  workspace: WorkspaceName,
  userIdOrEmail: string,
): Promise<MemberRecord> {
  const members = await store.users.membersOf(workspace);
  const wanted = userIdOrEmail.toLowerCase();
  const member = members.find(({ userId, email }) => userId === wanted || email === wanted);
  if (member !== undefined) return member;
  throw new AppError("USER_NOT_FOUND", `Cannot find user "${userIdOrEmail}": the workspace has none of that name`, {
    hint: "List the users to see who is there",
  });
}

/** The invited user enters with the invitation's token and a password. @throws {AppError} USER_ALREADY_EXISTS */
export async function inviteUser(
  { store, clock }: ControlPlaneDeps,
  { workspace, invitedBy }: { readonly workspace: WorkspaceName; readonly invitedBy: string },
  { email, role }: InviteRequest,
): Promise<NewInvitation> {
  const token = randomSecret();
  const createdAtMs = clock();
  const expiresAtMs = createdAtMs + INVITATION_LIFETIME_MS;
  const invitation = { hash: hashSecret(token), expiresAtMs };
  const member = await store.users.invite({
    userId: randomId(20),
    email,
    role,
    workspace,
    invitedBy,
    invitation,
    createdAtMs,
  });
  return { member, token, expiresAtMs };
}

/** @throws {AppError} USER_NOT_FOUND for an invitation that is unknown, taken or expired */
export async function requireInvited({ store, clock }: ControlPlaneDeps, token: string): Promise<MemberRecord> {
  const member = await store.users.findInvited(hashSecret(token));
  if (member?.invitation !== undefined && member.invitation.expiresAtMs > clock()) return member;
  throw invitationGone();
}

/**
 * A new user chooses the password, one who has one proves it: whoever holds the link of an invitation must not become somebody
 * who was there before.
 * @throws {AppError} USER_NOT_FOUND, UNAUTHENTICATED
 */
export async function acceptInvitation(
  context: AccountsContext,
  member: MemberRecord,
  password: string,
): Promise<void> {
  const { store, directory } = context;
  const user = await store.users.findByEmail(member.email);
  if (user?.passwordHash === undefined) {
    assertNew(context, member);
    if (!(await store.users.accept(member, await hashPassword(password)))) throw invitationGone();
  } else {
    if (!(await verifyPassword(password, user.passwordHash))) {
      throw new AppError("UNAUTHENTICATED", "Cannot accept the invitation: the password is not yours", {
        hint: "Use the password you sign in with already",
      });
    }
    if (!(await store.users.accept(member, undefined))) throw invitationGone();
  }
  directory.credentials.people.putUser({ id: member.userId, email: member.email });
  directory.credentials.people.putMember(member);
}

/** A user who signs in with keys alone, as an owner may: a link must not give their account a password. */
function assertNew({ directory }: AccountsContext, { userId, email }: MemberRecord): void {
  if (directory.credentials.people.workspacesOf({ type: "user", id: userId }).length === 0) return;
  throw new AppError("UNAUTHENTICATED", `Cannot accept the invitation: "${email}" has no password to sign in with`, {
    hint: "Sign in with an API key; owners of the account may enter all its workspaces",
  });
}

/** Holds from the user's next request on. @throws {AppError} USER_NOT_FOUND */
export async function changeRole(
  { store, directory }: ControlPlaneDeps,
  member: MemberRecord,
  role: Role,
): Promise<MemberRecord> {
  const { workspace, userId, email } = member;
  if (!(await store.users.setRole(workspace, userId, role))) {
    throw new AppError("USER_NOT_FOUND", `Cannot change the role of "${email}": the user has just left`);
  }
  const changed = { ...member, role };
  if (member.invitation === undefined) directory.credentials.people.putMember(changed);
  return changed;
}

/** Ends the user's keys and logins of the workspace, or takes an invitation back. Idempotent. */
export async function removeMember(
  { store, directory }: ControlPlaneDeps,
  { workspace, userId }: Pick<MemberRecord, "workspace" | "userId">,
): Promise<void> {
  await store.users.removeMember(workspace, userId);
  directory.credentials.people.removeMember(workspace, userId);
  directory.credentials.removeOf(workspace, { type: "user", id: userId });
}

export function renderMember({ userId, email, role, invitation }: MemberRecord, nowMs: number): WorkspaceUserAnswer {
  return {
    sub: userId,
    email,
    role,
    accepted: invitation === undefined,
    expired: invitation !== undefined && invitation.expiresAtMs <= nowMs,
    source: "invitation",
  };
}

function invitationGone(): AppError {
  return new AppError("USER_NOT_FOUND", "Cannot accept the invitation: it is unknown, expired or taken already", {
    hint: "Ask for another one",
  });
}
