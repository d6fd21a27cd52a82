import { randomId } from "@dormouse/kernel";
import type { ScheduleCreateRequest } from "@dormouse/schema";
import type { SandboxRecord, ScheduleRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { resolveTiming } from "./timing.ts";

/** @throws {AppError} INVALID_ARGUMENT, SCHEDULE_ALREADY_EXISTS, SANDBOX_NOT_FOUND */
export async function createSchedule(
  { store, scheduler, clock }: ControlPlaneDeps,
  sandbox: SandboxRecord,
  { id, type, value, input, maxExecutions }: ScheduleCreateRequest,
): Promise<ScheduleRecord> {
  const createdAtMs = clock();
  const schedule: ScheduleRecord = {
    key: randomId(),
    id: id ?? randomId(),
    sandboxId: sandbox.id,
    sandboxName: sandbox.name,
    ...resolveTiming({ type, value }, createdAtMs),
    input,
    maxExecutions,
    createdAtMs,
  };
  await store.schedules.insert(schedule);
  void scheduler.check();
  return schedule;
}
