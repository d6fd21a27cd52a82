import { z } from "zod";
import { EngineSandboxMemory } from "./engine.ts";

/** Why a sandbox is awake or not, the strongest reason first. */
export const ActivityReason = z.enum([
  /** Something is open to it. */
  "in-use",
  /** A keepAlive process runs in it. */
  "kept-alive",
  "never-sleeps",
  /** Nothing holds it: it sleeps when its idle time is over. */
  "recently-used",
  /** It sleeps, or is about to. */
  "idle",
  "disabled",
  /** Its status says what it is instead. */
  "not-deployed",
]);
export type ActivityReason = z.infer<typeof ActivityReason>;

/** What is open to a sandbox through the gateway now. */
export const OpenUses = z.object({
  /** Waiting for an answer's head, or for a wake. */
  requests: z.int(),
  /** Answers that are still being sent. */
  streams: z.int(),
  webSockets: z.int(),
  terminals: z.int(),
});
export type OpenUses = z.infer<typeof OpenUses>;

/** Answer of `GET /sandboxes/{name}/activity`, which is no use of the sandbox. Times are ISO 8601. */
export const SandboxActivity = z.object({
  /** Absent unless the sandbox is deployed. */
  state: z.enum(["RUNNING", "STANDBY"]).optional(),
  reason: ActivityReason,
  /** When it woke or fell asleep; absent if that was before the server's own start. */
  since: z.string().optional(),
  lastUsedAt: z.string(),
  /** How long after its last use it falls asleep; null: never. Absent unless the sandbox is deployed. */
  idleTimeoutMs: z.number().nullable().optional(),
  /** When it falls asleep if nobody uses it meanwhile; absent unless that is known. */
  sleepsAt: z.string().optional(),
  open: OpenUses,
  /** Absent when the sandbox sleeps or did not say. */
  keepAliveProcesses: z.int().optional(),
  /** Also which program was ended because the sandbox hung at its memory limit. Absent when the machine has none of it. */
  memory: EngineSandboxMemory.optional(),
});
export type SandboxActivity = z.infer<typeof SandboxActivity>;
