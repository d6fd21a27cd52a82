import type { ResourceEvent, VolumeStatus } from "@dormouse/schema";

/** Something that happened to a volume, as it appears in its `events`. */
export function volumeEvent(status: VolumeStatus, message: string, atMs: number): ResourceEvent {
  return { type: "status", status, message, time: new Date(atMs).toISOString() };
}
