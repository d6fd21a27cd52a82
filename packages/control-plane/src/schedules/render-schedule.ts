import { SECRET_MASK, type ScheduleAnswer, type ScheduleExecutionAnswer } from "@dormouse/schema";
import type { ExecutionRecord, ScheduleRecord } from "@dormouse/store";

/** A schedule as clients see it; what its environment holds is masked unless an administrator asked for it. */
export function renderSchedule(schedule: ScheduleRecord, showSecrets = false): ScheduleAnswer {
  const { command, name, env, workingDir, keepAlive, timeout } = schedule.input;
  const names = Object.keys(env);
  const masked = Object.fromEntries(names.map((name) => [name, SECRET_MASK]));
  return {
    id: schedule.id,
    type: schedule.type,
    value: schedule.value,
    input: {
      command,
      ...(name !== undefined && { name }),
      ...(names.length > 0 && { env: showSecrets ? env : masked }),
      ...(workingDir !== undefined && { workingDir }),
      keepAlive,
      timeout,
    },
    maxExecutions: schedule.maxExecutions,
    sandbox: schedule.sandboxName,
    createdAt: toIso(schedule.createdAtMs),
  };
}

export function renderExecution(execution: ExecutionRecord): ScheduleExecutionAnswer {
  const { id, scheduleId, sandboxName, status, statusCode, processName, timeoutS, error } = execution;
  return {
    id,
    scheduleId,
    sandbox: sandboxName,
    status,
    statusCode,
    executedAt: toIso(execution.executedAtMs),
    processName,
    timeout: timeoutS,
    ...(error !== undefined && { error }),
    createdAt: toIso(execution.createdAtMs),
  };
}

const toIso = (atMs: number): string => new Date(atMs).toISOString();
