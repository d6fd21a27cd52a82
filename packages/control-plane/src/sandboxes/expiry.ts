import { AppError } from "@dormouse/kernel";
import { durationMs, type ExpirationPolicy, type SandboxLifecycle } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";

/** When a sandbox is deleted by itself, and why. */
export interface Expiry {
  readonly atMs: number;
  /** Completes "Deleted because …". */
  readonly reason: string;
}

const DEFAULT_TERMINATED_RETENTION = "5m";

/** The first of all limits of a sandbox; `undefined` if it has none. `lastUsedAtMs` of one in use is now. */
export function expiryOf({ spec, createdAtMs }: SandboxRecord, lastUsedAtMs: number): Expiry | undefined {
  const { ttl, expires } = spec.runtime;
  const limits: Expiry[] = [];
  if (ttl !== undefined) limits.push({ atMs: createdAtMs + durationMs(ttl), reason: `its ttl of ${ttl} was over` });
  if (expires !== undefined) limits.push({ atMs: Date.parse(expires), reason: `it was to expire at ${expires}` });
  for (const policy of spec.lifecycle?.expirationPolicies ?? []) {
    limits.push(limitOf(policy, createdAtMs, lastUsedAtMs));
  }
  return limits.reduce<Expiry | undefined>(
    (first, limit) => (first && first.atMs <= limit.atMs ? first : limit),
    undefined,
  );
}

/** When the record of an expired sandbox is forgotten. */
export function forgottenAtMs({ spec, updatedAtMs }: SandboxRecord): number {
  return updatedAtMs + durationMs(spec.lifecycle?.terminatedRetention ?? DEFAULT_TERMINATED_RETENTION);
}

/** The parts of a spec that name a date. */
interface Dated {
  readonly runtime: { readonly expires?: string | null | undefined };
  readonly lifecycle?: SandboxLifecycle | null | undefined;
}

/**
 * A date that is past is a mistake, and to take it at its word would erase what cannot be brought back. Dates `current` has
 * may pass meanwhile.
 * @throws {AppError} INVALID_ARGUMENT
 */
export function assertDatesToCome(wanted: Dated, nowMs: number, current?: Dated): void {
  const known = new Set(current && datesOf(current));
  const past = datesOf(wanted).find((date) => !known.has(date) && Date.parse(date) <= nowMs);
  if (past === undefined) return;
  throw new AppError("INVALID_ARGUMENT", `Cannot let a sandbox expire at ${past}: that is past`, {
    hint: "Give a time to come, or delete the sandbox",
  });
}

function datesOf({ runtime, lifecycle }: Dated): string[] {
  const policies = lifecycle?.expirationPolicies ?? [];
  const dates = policies.flatMap(({ type, value }) => (type === "date" ? [value] : []));
  return typeof runtime.expires === "string" ? [...dates, runtime.expires] : dates;
}

function limitOf({ type, value }: ExpirationPolicy, createdAtMs: number, lastUsedAtMs: number): Expiry {
  if (type === "date") return { atMs: Date.parse(value), reason: `it was to be deleted at ${value}` };
  if (type === "ttl-idle") return { atMs: lastUsedAtMs + durationMs(value), reason: `it was idle for ${value}` };
  return { atMs: createdAtMs + durationMs(value), reason: `it was ${value} old` };
}
