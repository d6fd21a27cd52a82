import { toAppError } from "@dormouse/kernel";
import { SECRET_MASK, type SandboxEnv, type SandboxId, type SandboxSpec } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import type { SandboxContext } from "./context.ts";
import { eraseSandbox } from "./delete-sandbox.ts";
import { happened, withEvent } from "./events.ts";
import { expiryOf, forgottenAtMs } from "./expiry.ts";

/** After a failure, such as an engine that is away. */
const RETRY_DELAY_MS = 5000;

/** Sets the alarm of a sandbox by what is known of it now; to be called whenever its limits or its status have changed. */
export function followExpiry(context: SandboxContext, sandbox: SandboxRecord): void {
  context.alarms.set(sandbox.id, nextAlarmMs(context, sandbox));
}

/** True once its time has come, also while it waits for its turn to be deleted. */
export function isExpired({ lastUse, clock }: SandboxContext, sandbox: SandboxRecord): boolean {
  if (isBeingMade(sandbox)) return false;
  const expiry = expiryOf(sandbox, lastUse.atMs(sandbox));
  return expiry !== undefined && expiry.atMs <= clock();
}

/** Its limits count from when it is there. */
function isBeingMade({ status }: SandboxRecord): boolean {
  return status === "UPLOADING" || status === "BUILDING" || status === "DEPLOYING";
}

/** What an alarm is for is decided when it rings: use only ever moves an expiry away, and moves no alarm. Never rejects. */
export async function onExpiryAlarm(context: SandboxContext, id: SandboxId): Promise<void> {
  await context.expiries.run(async () => {
    try {
      await expireIfDue(context, id);
    } catch (error) {
      context.log.error({ event: "sandbox.expire", outcome: "failure", id, code: toAppError(error).code });
      context.alarms.set(id, context.clock() + RETRY_DELAY_MS);
    }
  });
}

/** Deletes a sandbox whose time has come, and forgets the record of one that expired long ago; else sets the next alarm. */
export async function expireIfDue(context: SandboxContext, id: SandboxId): Promise<void> {
  const { store, changes, clock, lastUse } = context;
  await changes.run(id, async () => {
    const sandbox = await store.sandboxes.findById(id);
    if (sandbox === undefined) return;
    if (sandbox.status === "TERMINATED") {
      if (forgottenAtMs(sandbox) <= clock()) await store.sandboxes.remove(id);
      else followExpiry(context, sandbox);
      return;
    }
    if (isBeingMade(sandbox)) return;
    const expiry = expiryOf(sandbox, lastUse.atMs(sandbox));
    // One that is being deleted has an alarm only if an expiry failed half-way: whatever its limits say, it ends now.
    const isDue = sandbox.status === "DELETING" || (expiry !== undefined && expiry.atMs <= clock());
    if (isDue) await expire(context, sandbox, expiry?.reason ?? "its time had come");
    else followExpiry(context, sandbox);
  });
}

/** As a user's deletion, only that the record stays for a while; a user's deletion meanwhile takes the record too. */
async function expire(context: SandboxContext, sandbox: SandboxRecord, reason: string): Promise<void> {
  const { store, clock, lastUse, log } = context;
  const startedAtMs = clock();
  const lastUsedAtMs = Math.min(lastUse.atMs(sandbox), startedAtMs);
  await eraseSandbox(context, sandbox);
  const nowMs = clock();
  const terminated = await store.sandboxes.terminate(sandbox.id, {
    events: withEvent(sandbox.events, happened("TERMINATED", `Deleted because ${reason}`, nowMs)),
    spec: withoutSecrets(sandbox.spec),
    lastUsedAtMs,
    updatedAtMs: nowMs,
  });
  if (terminated === undefined) return;
  followExpiry(context, terminated);
  const { workspace, name } = sandbox;
  log.info({
    event: "sandbox.expire",
    outcome: "success",
    durationMs: nowMs - startedAtMs,
    sandbox: name,
    sandboxId: sandbox.id,
    workspace,
    reason,
  });
}

function nextAlarmMs({ lastUse }: SandboxContext, sandbox: SandboxRecord): number | undefined {
  if (sandbox.status === "TERMINATED") return forgottenAtMs(sandbox);
  if (isBeingMade(sandbox) || sandbox.status === "DELETING") return undefined;
  return expiryOf(sandbox, lastUse.atMs(sandbox))?.atMs;
}

/** What is erased must not live on in the record. */
function withoutSecrets(spec: SandboxSpec): SandboxSpec {
  const mask = (env: SandboxEnv): SandboxEnv => (env.secret === true ? { ...env, value: SECRET_MASK } : env);
  return { ...spec, runtime: { ...spec.runtime, envs: spec.runtime.envs?.map(mask) } };
}
