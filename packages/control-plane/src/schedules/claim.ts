import { randomId } from "@dormouse/kernel";
import type { ScheduleClaim, WaitingSchedule } from "@dormouse/store";
import { latestCronTimeMs, nextCronTimeMs } from "./timing.ts";

/** A repeated run that could not begin within this time is given up: the next one comes anyway. */
const CRON_GRACE_MS = 3_600_000;

/**
 * The run of a schedule whose time has come. Of the runs of a `cron` that were missed, while the server was down or the
 * machine slept, it is the latest one; the only run of an `at` is never too late.
 */
export function claimOf(schedule: WaitingSchedule, nowMs: number): ScheduleClaim {
  const { type, value, nextRunAtMs, input } = schedule;
  const id = randomId();
  const isCron = type === "cron";
  return {
    schedule,
    nextRunAtMs: isCron ? nextCronTimeMs(value, nowMs) : undefined,
    execution: {
      id,
      dueAtMs: isCron ? Math.max(nextRunAtMs, latestCronTimeMs(value, nowMs) ?? 0) : nextRunAtMs,
      processName: input.name ?? `schedule-${id}`,
      createdAtMs: nowMs,
    },
  };
}

/** True for a run that is not to be made up for. */
export function isMissed({ schedule, execution }: ScheduleClaim): boolean {
  return schedule.type === "cron" && execution.createdAtMs - execution.dueAtMs > CRON_GRACE_MS;
}
