import { z } from "zod";
import { Duration, durationMs } from "./duration.ts";

const RETENTION_MAX_DAYS = 30;
const IDLE_TIMEOUT_MAX_DAYS = 7;
const POLICIES_MAX_COUNT = 20;

const PolicyDate = z.iso.datetime({ offset: true, error: 'expected a time such as "2030-01-01T00:00:00Z"' });

const Action = z.literal("delete").default("delete");

/** When a sandbox is deleted by itself. Keys and types we do not know are refused: a condition that is ignored keeps data. */
export const ExpirationPolicy = z.discriminatedUnion(
  "type",
  [
    /** That long after its last use; a sandbox in use is not idle. */
    z.strictObject({ type: z.literal("ttl-idle"), value: Duration, action: Action }),
    /** That long after its creation. */
    z.strictObject({ type: z.literal("ttl-max-age"), value: Duration, action: Action }),
    z.strictObject({ type: z.literal("date"), value: PolicyDate, action: Action }),
  ],
  'expected "ttl-idle", "ttl-max-age" or "date"',
);
export type ExpirationPolicy = z.infer<typeof ExpirationPolicy>;

const IDLE_TIMEOUT_FORM = 'expected "never" or a duration such as "30s" or "2h"';
/** Ours: from a second to 7 days of idleness, or "never". */
const IdleTimeout = z
  .string(IDLE_TIMEOUT_FORM)
  .regex(/^(never|[1-9]\d{0,9}[smhdw])$/, { error: IDLE_TIMEOUT_FORM, abort: true })
  .refine(
    (timeout) => timeout === "never" || durationMs(timeout) <= IDLE_TIMEOUT_MAX_DAYS * 86_400_000,
    `must not be longer than ${IDLE_TIMEOUT_MAX_DAYS} days; use "never" for a sandbox that is not to sleep`,
  );

/** Of several policies the first whose time has come deletes the sandbox. */
export const SandboxLifecycle = z.strictObject({
  expirationPolicies: z.array(ExpirationPolicy).max(POLICIES_MAX_COUNT).optional(),
  /** How long the record of an expired sandbox can still be read. */
  terminatedRetention: Duration.refine(
    (duration) => durationMs(duration) <= RETENTION_MAX_DAYS * 86_400_000,
    `must not be longer than ${RETENTION_MAX_DAYS} days`,
  ).optional(),
  /** How long after its last use it falls asleep, instead of the server's own time. */
  idleTimeout: IdleTimeout.optional(),
});
export type SandboxLifecycle = z.infer<typeof SandboxLifecycle>;

const KernelOption = z
  .enum(["enabled", "disabled"], 'expected "enabled" or "disabled"')
  .refine(
    (wish) => wish === "disabled",
    'this server cannot give a sandbox that kernel option; leave it out or set it to "disabled"',
  );

/** Kernel options of Blaxel: known by name, none of them to be had here. */
export const SandboxExtraArgs = z
  .strictObject({ iptables: KernelOption, nfs: KernelOption, tun: KernelOption })
  .partial();

/** A failure of the machine that a sandbox met. */
export const SandboxFailure = z.object({
  code: z.string(),
  message: z.string(),
  /** The sandbox's id on the machine. */
  instance: z.string(),
  /** ISO 8601. */
  time: z.string(),
  /** True when it made the sandbox FAILED. */
  fatal: z.boolean(),
});
export type SandboxFailure = z.infer<typeof SandboxFailure>;
