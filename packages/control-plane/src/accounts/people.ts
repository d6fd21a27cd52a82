import type { Role, WorkspaceName } from "@dormouse/schema";
import type {
  AccountOwner,
  MemberRecord,
  ServiceAccountRecord,
  Store,
  Subject,
  UserRecord,
  WorkspaceRecord,
} from "@dormouse/store";

/** Who may do what where, in memory: every request asks. Holds only what is in force, so no one merely invited. */
export class People {
  /** Its owners administer the installation. */
  readonly firstAccountId: string;
  /** Workspace → id of its account. */
  readonly #accountOf = new Map<string, string>();
  readonly #accountsOwnedBy = new Map<string, Set<string>>();
  readonly #emails = new Map<string, string>();
  /** User id → workspace → role. */
  readonly #roles = new Map<string, Map<WorkspaceName, Role>>();
  readonly #serviceAccounts = new Map<string, ServiceAccountRecord>();

  constructor(firstAccountId: string) {
    this.firstAccountId = firstAccountId;
  }

  hasWorkspace(name: string): name is WorkspaceName {
    return this.#accountOf.has(name);
  }

  accountOf(workspace: string): string | undefined {
    return this.#accountOf.get(workspace);
  }

  isSameAccount(workspace: string, other: string): boolean {
    const accountId = this.#accountOf.get(workspace);
    return accountId !== undefined && accountId === this.#accountOf.get(other);
  }

  /** The account whose owner this is in `workspace`; owners are administrators of all its workspaces. */
  accountOwnedBy(subject: Subject, workspace: string): string | undefined {
    const accountId = this.#accountOf.get(workspace);
    return accountId !== undefined && this.owns(subject, accountId) ? accountId : undefined;
  }

  owns({ type, id }: Subject, accountId: string): boolean {
    return type === "user" && this.#accountsOwnedBy.get(id)?.has(accountId) === true;
  }

  /** `undefined` for who has no business there. */
  roleOf(subject: Subject, workspace: string): Role | undefined {
    if (subject.type === "service_account") {
      const account = this.#serviceAccounts.get(subject.id);
      return account?.workspace === workspace ? account.role : undefined;
    }
    if (this.accountOwnedBy(subject, workspace) !== undefined) return "admin";
    return this.#roles.get(subject.id)?.get(workspace as WorkspaceName);
  }

  workspacesOf(subject: Subject): WorkspaceName[] {
    const names = [...this.#accountOf.keys()] as WorkspaceName[];
    return names.filter((name) => this.roleOf(subject, name) !== undefined);
  }

  /** What people call it: an email or the name of a service account. */
  nameOf({ type, id }: Subject): string {
    const name = type === "user" ? this.#emails.get(id) : this.#serviceAccounts.get(id)?.name;
    return name ?? id;
  }

  serviceAccount(clientId: string): ServiceAccountRecord | undefined {
    return this.#serviceAccounts.get(clientId);
  }

  serviceAccountsIn(workspace: WorkspaceName): ServiceAccountRecord[] {
    return [...this.#serviceAccounts.values()].filter((account) => account.workspace === workspace);
  }

  putWorkspace({ name, accountId }: Pick<WorkspaceRecord, "name" | "accountId">): void {
    this.#accountOf.set(name, accountId);
  }

  removeWorkspace(name: WorkspaceName): void {
    this.#accountOf.delete(name);
    for (const roles of this.#roles.values()) roles.delete(name);
    for (const { clientId } of this.serviceAccountsIn(name)) this.#serviceAccounts.delete(clientId);
  }

  /** With its workspaces, whose names it returns. */
  removeAccount(accountId: string): WorkspaceName[] {
    const names = [...this.#accountOf].flatMap(([name, id]) => (id === accountId ? [name as WorkspaceName] : []));
    for (const name of names) this.removeWorkspace(name);
    for (const accounts of this.#accountsOwnedBy.values()) accounts.delete(accountId);
    return names;
  }

  putOwner({ accountId, userId }: AccountOwner): void {
    const accounts = this.#accountsOwnedBy.get(userId) ?? new Set<string>();
    this.#accountsOwnedBy.set(userId, accounts.add(accountId));
  }

  putUser({ id, email }: Pick<UserRecord, "id" | "email">): void {
    this.#emails.set(id, email);
  }

  putMember({ workspace, userId, role }: Pick<MemberRecord, "workspace" | "userId" | "role">): void {
    const roles = this.#roles.get(userId) ?? new Map<WorkspaceName, Role>();
    this.#roles.set(userId, roles.set(workspace, role));
  }

  removeMember(workspace: WorkspaceName, userId: string): void {
    this.#roles.get(userId)?.delete(workspace);
  }

  putServiceAccount(account: ServiceAccountRecord): void {
    this.#serviceAccounts.set(account.clientId, account);
  }

  removeServiceAccount(clientId: string): void {
    this.#serviceAccounts.delete(clientId);
  }
}

/** The people of everything stored. */
export async function loadPeople({ accounts, users, credentials }: Store): Promise<People> {
  const people = new People(await accounts.firstAccountId());
  for (const workspace of await accounts.workspaces()) people.putWorkspace(workspace);
  for (const owner of await accounts.owners()) people.putOwner(owner);
  for (const user of await users.all()) people.putUser(user);
  for (const member of await users.members()) if (member.invitation === undefined) people.putMember(member);
  for (const account of await credentials.serviceAccounts()) people.putServiceAccount(account);
  return people;
}
