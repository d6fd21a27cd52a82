import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import type { InvitationAnswer, InviteRequest, Role, WorkspaceName, WorkspaceUserAnswer } from "@dormouse/schema";
import type { MemberRecord, NewInvitation } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { hashSecret } from "../secrets.ts";
import type { AccountsContext } from "./context.ts";
import { hashPassword, verifyPassword } from "./passwords.ts";

const INVITATION_LIFETIME_MS = 7 * 86_400_000;

export interface IssuedInvitation {
  readonly record: NewInvitation;
  /** Known only now: the store keeps its hash. */
  readonly token: string;
}

/** Where somebody is invited to, and the id of the user who does. */
interface InvitationPlace {
  readonly workspace: WorkspaceName;
  readonly invitedBy: string;
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
  deps: ControlPlaneDeps,
  place: InvitationPlace,
  { email, role }: InviteRequest,
): Promise<IssuedInvitation> {
  const invitation = issueInvitation(deps, place, { email, role, makesOwner: false });
  await deps.store.users.invite(invitation.record);
  return invitation;
}

/** An invitation that has yet to be stored. With `makesOwner` it makes an owner of the workspace's account. */
export function issueInvitation(
  { clock }: ControlPlaneDeps,
  place: InvitationPlace,
  { email, role, makesOwner }: InviteRequest & { readonly makesOwner: boolean },
): IssuedInvitation {
  const token = randomSecret();
  const createdAtMs = clock();
  const invitation = { hash: hashSecret(token), expiresAtMs: createdAtMs + INVITATION_LIFETIME_MS, makesOwner };
  return { record: { ...place, userId: randomId(20), email, role, invitation, createdAtMs }, token };
}

export function renderInvitation({ record, token }: IssuedInvitation, baseUrl: string): InvitationAnswer {
  return {
    email: record.email,
    role: record.role,
    workspace: record.workspace,
    invitedBy: record.invitedBy,
    expiresAt: new Date(record.invitation.expiresAtMs).toISOString(),
    createdAt: new Date(record.createdAtMs).toISOString(),
    invitationUrl: `${baseUrl}/invitation?token=${token}`,
  };
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
  const { people } = directory.credentials;
  people.putUser({ id: member.userId, email: member.email });
  people.putMember(member);
  const accountId = people.accountOf(member.workspace);
  if (member.invitation?.makesOwner === true && accountId !== undefined) {
    people.putOwner({ accountId, userId: member.userId });
  }
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
