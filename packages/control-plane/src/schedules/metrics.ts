import { AppError } from "@dormouse/kernel";
import type { ScheduleMetricsAnswer, ScheduleMetricsQuery, WorkspaceName } from "@dormouse/schema";
import type { ControlPlaneDeps } from "../ports.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const WINDOW_MAX_AGE_DAYS = 7;

/** Counts of a workspace; of the executions those of the window that are still kept. @throws {AppError} INVALID_ARGUMENT */
export async function scheduleMetrics(
  { store, clock }: ControlPlaneDeps,
  workspace: WorkspaceName,
  query: ScheduleMetricsQuery,
): Promise<ScheduleMetricsAnswer> {
  const nowMs = clock();
  const untilMs = wholeMinuteMs(query.until ?? nowMs);
  const sinceMs = wholeMinuteMs(query.since ?? untilMs - DAY_MS);
  if (sinceMs > untilMs || sinceMs < wholeMinuteMs(nowMs - WINDOW_MAX_AGE_DAYS * DAY_MS)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot accept since: it must be before until and within the last ${WINDOW_MAX_AGE_DAYS} days`,
    );
  }
  const first = { limit: 1, sort: "createdAt:desc" } as const;
  const [executionsByStatus, schedules, sandboxes] = await Promise.all([
    store.scheduleExecutions.count(workspace, { sinceMs, untilMs }),
    store.schedules.list(workspace, first, nowMs),
    store.sandboxes.list(workspace, { ...first, status: ["DEPLOYED"], showTerminated: false }, nowMs),
  ]);
  return {
    since: new Date(sinceMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    executions: executionsByStatus.succeeded + executionsByStatus.failed,
    executionsByStatus,
    sandboxes: sandboxes.totalCount,
    schedules: schedules.totalCount,
  };
}

const wholeMinuteMs = (atMs: number): number => Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
