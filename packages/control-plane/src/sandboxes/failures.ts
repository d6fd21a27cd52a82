import { toAppError } from "@dormouse/kernel";
import type { SandboxFailure } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";

/** A failure that made a sandbox FAILED, as it appears in `errors`; what is unexpected tells nothing of itself. */
export function failureOf({ id }: SandboxRecord, error: unknown, atMs: number): SandboxFailure {
  const { code, message } = toAppError(error);
  return { code, message, instance: id, time: new Date(atMs).toISOString(), fatal: true };
}
