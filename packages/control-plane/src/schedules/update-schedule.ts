import { AppError } from "@dormouse/kernel";
import { ScheduleCreateRequest, ScheduleInput, SECRET_MASK, type ScheduleUpdateRequest } from "@dormouse/schema";
import type { ScheduleChange, ScheduleRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { throwNotFound } from "./find-schedule.ts";
import { resolveTiming } from "./timing.ts";

/**
 * What the request leaves out stays, `null` stands for the default, and a masked value for the one there is. The next run
 * moves only if type or value do.
 * @throws {AppError} INVALID_ARGUMENT, SCHEDULE_NOT_FOUND
 */
export async function updateSchedule(
  { store, scheduler, clock }: ControlPlaneDeps,
  schedule: ScheduleRecord,
  request: ScheduleUpdateRequest,
): Promise<ScheduleRecord> {
  const { maxExecutions } = request;
  const changed = await store.schedules.change(schedule.key, {
    ...changeOfTiming(schedule, request, clock()),
    ...(request.input !== undefined && { input: mergeInput(schedule.input, request.input ?? {}) }),
    ...(maxExecutions !== undefined && {
      maxExecutions: ScheduleCreateRequest.shape.maxExecutions.parse(maxExecutions),
    }),
  });
  void scheduler.check();
  return changed ?? throwNotFound(schedule.sandboxName, schedule.id);
}

function changeOfTiming(schedule: ScheduleRecord, request: ScheduleUpdateRequest, nowMs: number): ScheduleChange {
  const type = request.type ?? schedule.type;
  const value = request.value ?? schedule.value;
  if (type === schedule.type && value === schedule.value) return {};
  return resolveTiming({ type, value }, nowMs);
}

function mergeInput(current: ScheduleInput, change: NonNullable<ScheduleUpdateRequest["input"]>): ScheduleInput {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const merged = ScheduleInput.parse({ ...current, ...given, command: change.command ?? current.command });
  const env = Object.entries(merged.env).map(([name, value]) => [name, unmasked(current, name, value)] as const);
  return { ...merged, env: Object.fromEntries(env) };
}

function unmasked({ env }: ScheduleInput, name: string, value: string): string {
  if (value !== SECRET_MASK) return value;
  const kept = env[name];
  if (kept !== undefined) return kept;
  throw new AppError("INVALID_ARGUMENT", `Cannot keep the value of "${name}": the schedule has no such variable`, {
    hint: "Send its value instead of the mask",
  });
}
