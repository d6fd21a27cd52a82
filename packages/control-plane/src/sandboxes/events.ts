import type { ResourceEvent, SandboxStatus } from "@dormouse/schema";

const EVENTS_MAX_COUNT = 100;

/** A change of status, as it appears in `events`. */
export function happened(status: SandboxStatus, message: string, atMs: number): ResourceEvent {
  return { type: "status", status, message, time: new Date(atMs).toISOString() };
}

/** `events` and one more behind them; the oldest make way for the newest. */
export function withEvent(events: readonly ResourceEvent[], event: ResourceEvent): readonly ResourceEvent[] {
  return [...events, event].slice(-EVENTS_MAX_COUNT);
}
