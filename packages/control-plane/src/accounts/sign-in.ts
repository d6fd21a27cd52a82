import { AppError } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { AccountsContext } from "./context.ts";
import { verifyPassword } from "./passwords.ts";

/** Whoever confirmed a login in the browser, and how far the login may reach. */
export interface SignedIn {
  readonly userId: string;
  /** `undefined`: every workspace of the user. */
  readonly scope: WorkspaceName | undefined;
  /** The key that proved it, if it was one: the login ends with it. */
  readonly apiKeyId: string | undefined;
  /** When that key ends. */
  readonly expiresAtMs: number | undefined;
}

export interface Proof {
  readonly email: string;
  readonly password: string;
  /** Instead of email and password. */
  readonly apiKey: string;
  readonly clientAddress: string;
}

/** Slow on purpose and limited by address and by user. @throws {AppError} UNAUTHENTICATED, RATE_LIMITED */
export async function signIn(context: AccountsContext, proof: Proof): Promise<SignedIn> {
  const { attempts, attemptsOnUser } = context;
  const email = proof.email.trim().toLowerCase();
  attempts.take(proof.clientAddress);
  if (proof.apiKey === "") attemptsOnUser.take(email);
  const signedIn =
    proof.apiKey === "" ? await byPassword(context, email, proof.password) : byKey(context, proof.apiKey);
  if (signedIn === undefined) {
    throw new AppError("UNAUTHENTICATED", "Cannot sign in: the credentials are not right", {
      hint: "Give your email and password, or the API key of an administrator",
    });
  }
  attempts.forget(proof.clientAddress);
  attemptsOnUser.forget(email);
  return signedIn;
}

async function byPassword({ store }: AccountsContext, email: string, password: string): Promise<SignedIn | undefined> {
  const user = await store.users.findByEmail(email);
  if (!(await verifyPassword(password, user?.passwordHash)) || user === undefined) return undefined;
  return { userId: user.id, scope: undefined, apiKeyId: undefined, expiresAtMs: undefined };
}

/** Only an administrator's own: the login may last longer than a member's key is meant to. */
function byKey({ directory }: AccountsContext, apiKey: string): SignedIn | undefined {
  const principal = directory.credentials.authenticate(apiKey.trim());
  if (principal?.apiKeyId === undefined || principal.type !== "user" || principal.home === undefined) return undefined;
  if (directory.credentials.roleIn(principal, principal.home) !== "admin") return undefined;
  const { id: userId, scope, apiKeyId, expiresAtMs } = principal;
  return { userId, scope, apiKeyId, expiresAtMs };
}
