import { AppError } from "@dormouse/kernel";
import { loadFfi } from "../ffi.ts";
import type { Identity } from "./accounts.ts";

const PR_SET_DUMPABLE = 4;

/**
 * False when the process is `identity` already. @throws {AppError} INVALID_ARGUMENT when it is neither that nor root: only root
 * can change.
 */
export function mustChangeTo(identity: Identity): boolean {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return true;
  if (uid === identity.uid) return false;
  throw refusal(identity, `the agent was started as uid ${uid}, only root can change to another user`);
}

/**
 * Makes this whole process `identity`, for good: from then on nothing it does or starts has more rights.
 * @throws {AppError} INVALID_ARGUMENT when the kernel refuses.
 */
export function becomeIdentity(identity: Identity): void {
  try {
    process.setgroups?.([...identity.groups]);
    process.setgid?.(identity.gid);
    process.setuid?.(identity.uid);
  } catch (cause) {
    throw refusal(identity, cause instanceof Error ? cause.message : String(cause));
  }
  ownProcFiles();
}

const refusal = (identity: Identity, reason: string) =>
  new AppError("INVALID_ARGUMENT", `Cannot run as user "${identity.name}": ${reason}`);

/** After a change of user the kernel gives /proc/self to root, until the process says that it has nothing to hide. */
function ownProcFiles(): void {
  const args = ["int", "u64", "u64", "u64", "u64"] as const;
  loadFfi()
    .dlopen("libc.so.6", { prctl: { args, returns: "int" } })
    .symbols.prctl(PR_SET_DUMPABLE, 1n, 0n, 0n, 0n);
}

/** `env` as processes of `identity` see it. */
export function environmentOf(
  identity: Identity,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return { ...env, HOME: identity.homeDirectory, USER: identity.name, LOGNAME: identity.name };
}
