import type { ResourceEvent, SandboxStatus } from "@dormouse/schema";

/** A change of status, as it appears in `events`. */
export function happened(status: SandboxStatus, message: string, atMs: number): ResourceEvent {
  return { type: "status", status, message, time: new Date(atMs).toISOString() };
}
