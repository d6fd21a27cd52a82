import { beforeAll, expect, test } from "bun:test";
import { useDormouse } from "../support/suite.ts";
import { runProgram, type Report } from "./run-program.ts";

const suite = useDormouse({ DORMOUSE_IDLE_MS: "300" });

let seen: Report = {};
beforeAll(async () => {
  seen = await runProgram("schedules", { env: suite.dormouse.env });
});

test("F063 sandbox.schedules creates, reads, updates and deletes; environments are masked", () => {
  const { cron } = seen;
  expect(cron).toEqual({
    id: "nightly",
    type: "cron",
    value: "0 3 * * *",
    input: { command: "true", env: { TOKEN: "********" }, keepAlive: true, timeout: 600 },
    maxExecutions: 100,
    sandbox: "scheduled",
    createdAt: expect.any(String),
  });
  expect(seen).toMatchObject({ got: cron, missing: 404, refused: 400, deleted: "nightly", left: 2 });
  expect(seen["updated"]).toEqual({ ...(cron as object), value: "30 3 * * *" });
});

test("F063 sandbox.schedules.list() goes through all pages and filters by type", () => {
  expect(seen).toMatchObject({ paged: ["cron", "at", "at"], atOnly: 2 });
});

test("F063 sleep comes back as at, wakes a sandbox in STANDBY for its run, deletes itself, and lets it sleep again", () => {
  expect(seen).toMatchObject({
    sleep: { type: "at", value: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string },
    asleepBefore: "STANDBY",
    woken: "it woke in /var\n",
    process: { name: "waker", status: "completed", exitCode: 0 },
    selfDeleted: 404,
  });
  expect(seen["lateMs"]).toBeGreaterThanOrEqual(0);
  expect(seen["lateMs"]).toBeLessThan(1000);
});

test("F064 sandbox.schedules.executions() tells of every submission, accepted or refused", () => {
  const { sleep, execution, failed } = seen as { sleep: { id: string }; execution: object; failed: object };
  expect(execution).toMatchObject({
    scheduleId: sleep.id,
    sandbox: "scheduled",
    status: "succeeded",
    statusCode: 200,
    processName: "waker",
    timeout: 600,
  });
  expect(execution).not.toHaveProperty("error");
  expect(failed).toMatchObject({
    status: "failed",
    statusCode: 422,
    error: expect.stringContaining("/nowhere") as string,
  });
});
