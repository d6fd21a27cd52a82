import { expect, test } from "bun:test";
import { randomId, type AppError } from "@dormouse/kernel";
import { ScheduleExecutionListQuery, ScheduleInput, ScheduleListQuery } from "@dormouse/schema";
import { describeEachDatabase, newSandbox, openInstalledStore, WORKSPACE } from "../testkit/index.ts";
import type { SandboxRecord, ScheduleClaim, ScheduleRecord, WaitingSchedule } from "./index.ts";

function newSchedule(sandbox: SandboxRecord, change: Partial<ScheduleRecord> = {}): WaitingSchedule {
  return {
    key: randomId(),
    id: randomId(),
    sandboxId: sandbox.id,
    sandboxName: sandbox.name,
    type: "cron",
    value: "* * * * *",
    input: ScheduleInput.parse({ command: "true", env: { A: "1" } }),
    maxExecutions: 100,
    createdAtMs: 1,
    ...change,
    nextRunAtMs: change.nextRunAtMs ?? 1000,
  };
}

function claimOf(schedule: WaitingSchedule, nextRunAtMs?: number): ScheduleClaim {
  const id = randomId();
  const dueAtMs = schedule.nextRunAtMs;
  return { schedule, nextRunAtMs, execution: { id, dueAtMs, processName: `p-${id}`, createdAtMs: dueAtMs } };
}

const OUTCOME = { status: "succeeded", statusCode: 200, error: undefined, executedAtMs: 5 } as const;
const LIST = ScheduleListQuery.parse({});
const EXECUTIONS = ScheduleExecutionListQuery.parse({});

const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: AppError) => error.code,
  );

describeEachDatabase((database) => {
  test("F063 a schedule is stored, found, changed and removed; its id is taken once a sandbox", async () => {
    await using store = await openInstalledStore(await database.create());
    const [one, two] = [newSandbox("one"), newSandbox("two")];
    await store.sandboxes.insert(one);
    await store.sandboxes.insert(two);
    const schedule = newSchedule(one, { id: "kept" });
    await store.schedules.insert(schedule);
    await store.schedules.insert(newSchedule(two, { id: "kept" }));
    expect(await store.schedules.find(one.id, "kept")).toEqual(schedule);
    expect(await codeOf(store.schedules.insert(newSchedule(one, { id: "kept" })))).toBe("SCHEDULE_ALREADY_EXISTS");
    const changed = await store.schedules.change(schedule.key, { value: "1 * * * *", nextRunAtMs: 2000 });
    expect(changed).toEqual({ ...schedule, value: "1 * * * *", nextRunAtMs: 2000 });
    expect(await store.schedules.find(one.id, "kept")).toEqual(changed);
    await store.schedules.remove(schedule.key);
    expect(await store.schedules.find(one.id, "kept")).toBeUndefined();
    expect(await store.schedules.find(two.id, "kept")).toBeDefined();
  });

  test("F063 a sandbox has room for 100, also for those that come at once, and none while it is deleted", async () => {
    await using store = await openInstalledStore(await database.create());
    const sandbox = newSandbox("full");
    await store.sandboxes.insert(sandbox);
    const codes = await Promise.all(
      Array.from({ length: 103 }, () => codeOf(store.schedules.insert(newSchedule(sandbox)))),
    );
    expect(codes.filter((code) => code === "INVALID_ARGUMENT")).toHaveLength(3);
    expect((await store.schedules.list(WORKSPACE, LIST, 0)).totalCount).toBe(100);
    await store.sandboxes.mark(sandbox.id, "DELETING", 2);
    expect(await codeOf(store.schedules.insert(newSchedule(sandbox)))).toBe("SANDBOX_NOT_FOUND");
    expect((await store.schedules.list(WORKSPACE, LIST, 0)).totalCount).toBe(0);
  });

  test("F063 what is due comes in the order of its times, without busy sandboxes and such as are being deleted", async () => {
    await using store = await openInstalledStore(await database.create());
    const [one, two, going] = [newSandbox("one"), newSandbox("two"), newSandbox("going")];
    for (const sandbox of [one, two, going]) await store.sandboxes.insert(sandbox);
    await store.schedules.insert(newSchedule(one, { id: "late", nextRunAtMs: 30 }));
    await store.schedules.insert(newSchedule(two, { id: "soon", nextRunAtMs: 20 }));
    await store.schedules.insert(newSchedule(two, { id: "first", nextRunAtMs: 10 }));
    await store.schedules.insert(newSchedule(going, { id: "never", nextRunAtMs: 5 }));
    await store.sandboxes.mark(going.id, "DELETING", 2);
    const due = async (nowMs: number, limit: number, except: SandboxRecord[] = []): Promise<string[]> =>
      (
        await store.schedules.due(
          nowMs,
          limit,
          except.map(({ id }) => id),
        )
      ).map(({ id }) => id);
    expect(await due(30, 9)).toEqual(["first", "soon", "late"]);
    expect(await due(29, 9)).toEqual(["first", "soon"]);
    expect(await due(30, 1)).toEqual(["first"]);
    expect(await due(30, 9, [two])).toEqual(["late"]);
    expect(await store.schedules.earliestRunAtMs([])).toBe(10);
    expect(await store.schedules.earliestRunAtMs([two.id])).toBe(30);
    expect(await store.schedules.earliestRunAtMs([one.id, two.id])).toBeUndefined();
  });

  test("F063 a run begins once, whoever tries at the same time, and not again when its time comes back", async () => {
    await using store = await openInstalledStore(await database.create());
    const sandbox = newSandbox("one");
    await store.sandboxes.insert(sandbox);
    const schedule = newSchedule(sandbox);
    await store.schedules.insert(schedule);
    const begun = await Promise.all(
      Array.from({ length: 8 }, () => store.scheduleExecutions.begin(claimOf(schedule, 2000))),
    );
    expect(begun.filter(Boolean)).toHaveLength(1);
    const moved = { ...schedule, nextRunAtMs: 2000 };
    await store.schedules.move(moved, 1000);
    expect(await store.scheduleExecutions.begin(claimOf(schedule, 3000))).toBe(false);
    expect(await store.schedules.find(sandbox.id, schedule.id)).toMatchObject({ nextRunAtMs: 3000 });
  });

  test("F064 an execution is shown when it has its outcome; a schedule that will not run again is gone then", async () => {
    await using store = await openInstalledStore(await database.create());
    const sandbox = newSandbox("one");
    await store.sandboxes.insert(sandbox);
    const schedule = newSchedule(sandbox, { type: "at" });
    await store.schedules.insert(schedule);
    const claim = claimOf(schedule);
    expect(await store.scheduleExecutions.begin(claim)).toBe(true);
    expect(await store.scheduleExecutions.list(WORKSPACE, EXECUTIONS, 0)).toMatchObject({ records: [], totalCount: 0 });
    expect(await store.schedules.find(sandbox.id, schedule.id)).toMatchObject({ nextRunAtMs: undefined });
    await store.scheduleExecutions.finish(claim, OUTCOME);
    const { records } = await store.scheduleExecutions.list(WORKSPACE, EXECUTIONS, 0);
    expect(records).toEqual([
      {
        ...claim.execution,
        ...OUTCOME,
        sandboxId: sandbox.id,
        sandboxName: sandbox.name,
        scheduleId: schedule.id,
        timeoutS: 600,
      },
    ]);
    expect(await store.schedules.find(sandbox.id, schedule.id)).toBeUndefined();
    const window = { sinceMs: 1000, untilMs: 1001 };
    expect(await store.scheduleExecutions.count(WORKSPACE, window)).toEqual({ succeeded: 1, failed: 0 });
  });

  test("F064 what is kept stays within bounds: of a schedule its number, of those that are gone 100 together", async () => {
    await using store = await openInstalledStore(await database.create());
    const sandbox = newSandbox("one");
    await store.sandboxes.insert(sandbox);
    const run = async (schedule: WaitingSchedule, nextRunAtMs?: number): Promise<void> => {
      const claim = claimOf(schedule, nextRunAtMs);
      await store.scheduleExecutions.begin(claim);
      await store.scheduleExecutions.finish(claim, OUTCOME);
    };
    const cron = newSchedule(sandbox, { id: "cron", maxExecutions: 2 });
    await store.schedules.insert(cron);
    for (let at = 1000; at < 1005; at++) await run({ ...cron, nextRunAtMs: at }, at + 1);
    for (let index = 0; index < 103; index++) {
      const once = newSchedule(sandbox, { id: `once-${index}`, type: "at", nextRunAtMs: 2000 + index });
      await store.schedules.insert(once);
      await run(once);
    }
    const { records } = await store.scheduleExecutions.list(WORKSPACE, { ...EXECUTIONS, sort: "createdAt:asc" }, 0);
    const ids = records.map(({ scheduleId }) => scheduleId);
    expect(ids.filter((id) => id === "cron")).toHaveLength(2);
    expect(ids.filter((id) => id !== "cron")).toEqual(Array.from({ length: 100 }, (_, index) => `once-${index + 3}`));
  });

  test("F063 what a server left unfinished gets its outcome, and only that", async () => {
    await using store = await openInstalledStore(await database.create());
    const sandbox = newSandbox("one");
    await store.sandboxes.insert(sandbox);
    const [ended, cutOff] = [newSchedule(sandbox, { id: "ended" }), newSchedule(sandbox, { id: "cut", type: "at" })];
    await store.schedules.insert(ended);
    await store.schedules.insert(cutOff);
    const [endedClaim, cutOffClaim] = [claimOf(ended, 2000), claimOf(cutOff)];
    for (const claim of [endedClaim, cutOffClaim]) await store.scheduleExecutions.begin(claim);
    await store.scheduleExecutions.finish(endedClaim, OUTCOME);
    const outcome = { ...OUTCOME, status: "failed", statusCode: 0, error: "cut off" } as const;
    expect(await store.scheduleExecutions.finishCutOff(outcome)).toBe(1);
    await store.scheduleExecutions.finish(cutOffClaim, OUTCOME);
    const { records } = await store.scheduleExecutions.list(WORKSPACE, EXECUTIONS, 0);
    expect(Object.fromEntries(records.map(({ scheduleId, error }) => [scheduleId, error]))).toEqual({
      ended: undefined,
      cut: "cut off",
    });
    expect(await store.schedules.find(sandbox.id, "cut")).toBeUndefined();
    expect(await store.schedules.find(sandbox.id, "ended")).toMatchObject({ nextRunAtMs: 2000 });
  });

  test("F063 a sandbox can be erased and removed while its schedules run", async () => {
    await using store = await openInstalledStore(await database.create());
    for (let round = 0; round < 5; round++) {
      const sandbox = newSandbox("busy");
      await store.sandboxes.insert(sandbox);
      const schedules = Array.from({ length: 10 }, () => newSchedule(sandbox));
      for (const schedule of schedules) await store.schedules.insert(schedule);
      const runs = schedules.map(async (schedule) => {
        const claim = claimOf(schedule);
        if (await store.scheduleExecutions.begin(claim)) await store.scheduleExecutions.finish(claim, OUTCOME);
      });
      const erasure = (async () => {
        await store.sandboxes.mark(sandbox.id, "DELETING", 2);
        await store.sandboxes.remove(sandbox.id);
      })();
      await Promise.all([...runs, erasure]);
      expect(await store.scheduleExecutions.list(WORKSPACE, EXECUTIONS, 0)).toMatchObject({ totalCount: 0 });
    }
  });
});
