import type { EngineImageId, SandboxCreateRequest, SandboxId, SandboxSpec, SandboxStatus } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { happened } from "./events.ts";

export interface NewRecord extends Pick<SandboxRecord, "workspace" | "name"> {
  readonly id: SandboxId;
  readonly metadata: SandboxCreateRequest["metadata"];
  readonly spec: SandboxSpec;
  readonly status: SandboxStatus;
  /** Of its first event. */
  readonly message: string;
  readonly engineImageId: EngineImageId | undefined;
  /** Who asks, as `createdBy` shows it. */
  readonly actor: string | undefined;
}

/** The record of a sandbox that is to be. */
export function newRecord({ metadata, message, actor, ...given }: NewRecord, nowMs: number): SandboxRecord {
  return {
    ...given,
    displayName: metadata.displayName,
    externalId: metadata.externalId,
    labels: metadata.labels ?? {},
    events: [happened(given.status, message, nowMs)],
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    createdBy: actor,
    updatedBy: actor,
    lastUsedAtMs: undefined,
    errors: [],
  };
}
