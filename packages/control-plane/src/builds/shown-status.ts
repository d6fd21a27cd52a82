import type { SandboxStatus } from "@dormouse/schema";
import type { BuildRecord } from "@dormouse/store";

/** How often clients look, and what they must see of a build however fast it is: some wait for ever otherwise. */
const POLL_MS = 3000;
/** Nobody looks any more. */
const UNSEEN_MAX_MS = 6000;

/** Of records: in these a sandbox shows what its build says, in others what it is. */
export const SHOWING_BUILD: readonly SandboxStatus[] = ["UPLOADING", "BUILDING", "DEPLOYING", "DEPLOYED"];

/** When clients first saw a build in these statuses. */
export interface Sightings {
  readonly buildingAtMs?: number;
  readonly deployingAtMs?: number;
}

/** What a build makes of its sandbox's status; `undefined` when it leaves it as it is. */
export function statusBy(build: BuildRecord | undefined): SandboxStatus | undefined {
  switch (build?.status) {
    case "WAITING":
    case "RECEIVING":
      return "UPLOADING";
    case "BUILDING":
    case "PUBLISHING":
      return "BUILDING";
    case "DEPLOYING":
    case "FAILED":
      return build.status;
    default:
      return undefined;
  }
}

/**
 * The same for those who poll: after an upload `BUILDING` stays until one who polls has had the time to see it, and then
 * `DEPLOYING` until it is seen. Only the word lags behind; the sandbox serves as soon as it can.
 */
export function polledStatusBy(build: BuildRecord, seen: Sightings, nowMs: number): SandboxStatus | undefined {
  const status = statusBy(build);
  const isFast = build.receivedAtMs !== undefined && (status === undefined || status === "DEPLOYING");
  if (!isFast) return status;
  const shownUntilMs =
    seen.buildingAtMs === undefined ? build.receivedAtMs + UNSEEN_MAX_MS : seen.buildingAtMs + POLL_MS;
  if (nowMs < shownUntilMs) return "BUILDING";
  const isUnseen = seen.deployingAtMs === undefined;
  const lookedForUntilMs = Math.max(shownUntilMs, build.endedAtMs ?? nowMs) + UNSEEN_MAX_MS;
  return isUnseen && nowMs < lookedForUntilMs ? "DEPLOYING" : status;
}
