import { AppError } from "@dormouse/kernel";
import type { SandboxRecord, ScheduleRecord, Store } from "@dormouse/store";

/** @throws {AppError} SCHEDULE_NOT_FOUND */
export async function requireSchedule(store: Store, sandbox: SandboxRecord, id: string): Promise<ScheduleRecord> {
  return (await store.schedules.find(sandbox.id, id)) ?? throwNotFound(sandbox.name, id);
}

/** @throws {AppError} SCHEDULE_NOT_FOUND */
export function throwNotFound(sandboxName: string, id: string): never {
  throw new AppError(
    "SCHEDULE_NOT_FOUND",
    `Cannot find schedule "${id}": sandbox "${sandboxName}" has none of that id`,
    {
      hint: "List the schedules to see their ids; one of type at is gone once it has run",
    },
  );
}
