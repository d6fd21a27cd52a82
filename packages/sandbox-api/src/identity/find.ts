import { readAccountFiles, resolveIdentity, type Identity } from "./accounts.ts";
import { requestedUser } from "./requested-user.ts";

/**
 * Whom the agent is to become; null when it stays who it is.
 * @throws {AppError} INVALID_ARGUMENT when it is asked to become nobody the image knows, or root.
 */
export function findIdentity(flag: string | null, env: Readonly<Record<string, string | undefined>>): Identity | null {
  const spec = requestedUser(flag, env);
  return spec === null ? null : resolveIdentity(spec, readAccountFiles());
}
