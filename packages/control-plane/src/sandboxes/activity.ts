import type { ActivityReason, EngineSandboxMemory, SandboxActivity, SandboxId } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import type { LifeActivity } from "../ports.ts";
import type { SandboxContext } from "./context.ts";

const NOTHING_OPEN = { requests: 0, streams: 0, webSockets: 0, terminals: 0 };

/** What a sandbox is doing and why; to ask is no use of it and wakes nobody. */
export async function activityOf(context: SandboxContext, sandbox: SandboxRecord): Promise<SandboxActivity> {
  const { life, lastUse, clock } = context;
  const [keepAliveCount, memory] = await Promise.all([life.countKeepAlive(sandbox.id), memoryOf(context, sandbox.id)]);
  const seen = life.activity(sandbox.id);
  const lastUsedAt = toIso(Math.min(lastUse.atMs(sandbox), clock()));
  if (seen === undefined) {
    const reason = sandbox.status === "DEACTIVATED" ? "disabled" : "not-deployed";
    return { reason, lastUsedAt, open: NOTHING_OPEN, ...(memory && { memory }) };
  }
  const { request, stream, webSocket, terminal } = seen.leaseCounts;
  const reason = reasonOf(seen, keepAliveCount ?? 0);
  return {
    state: seen.state === "asleep" ? "STANDBY" : "RUNNING",
    reason,
    ...(seen.sinceMs !== undefined && { since: toIso(seen.sinceMs) }),
    lastUsedAt,
    idleTimeoutMs: Number.isFinite(seen.idleMs) ? seen.idleMs : null,
    ...(reason === "recently-used" && { sleepsAt: toIso(seen.lastUsedAtMs + seen.idleMs) }),
    open: { requests: request, streams: stream, webSockets: webSocket, terminals: terminal },
    ...(keepAliveCount !== undefined && seen.state === "awake" && { keepAliveProcesses: keepAliveCount }),
    ...(memory && { memory }),
  };
}

function reasonOf(seen: LifeActivity, keepAliveCount: number): ActivityReason {
  if (Object.values(seen.leaseCounts).some((count) => count > 0)) return "in-use";
  if (seen.state === "asleep" || seen.state === "falling-asleep") return "idle";
  if (seen.isKeptAlive || keepAliveCount > 0) return "kept-alive";
  return Number.isFinite(seen.idleMs) ? "recently-used" : "never-sleeps";
}

/** Also while the engine is away: what it would add is left out then. */
async function memoryOf({ engine }: SandboxContext, id: SandboxId): Promise<EngineSandboxMemory | undefined> {
  return engine.memory(id).catch(() => undefined);
}

const toIso = (atMs: number): string => new Date(atMs).toISOString();
