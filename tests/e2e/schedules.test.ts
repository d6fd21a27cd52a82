import { expect, test } from "bun:test";
import type { ScheduleAnswer, ScheduleExecutionAnswer } from "@dormouse/schema";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse({ DORMOUSE_IDLE_MS: "300" });
const WAIT_MS = 20_000;

async function schedule(sandbox: string, value: string): Promise<ScheduleAnswer> {
  const body = { type: "sleep", value, input: { command: "echo ran >> /root/runs" } };
  const answer = await suite.api.call<ScheduleAnswer>("POST", `/sandboxes/${sandbox}/schedules`, { body });
  expect(answer.status).toBe(200);
  return answer.body;
}

async function untilExecuted(sandbox: string, count: number): Promise<ScheduleExecutionAnswer[]> {
  const deadlineMs = performance.now() + WAIT_MS;
  for (;;) {
    const path = `/sandboxes/${sandbox}/schedule-executions`;
    const { data } = (await suite.api.call<{ data: ScheduleExecutionAnswer[] }>("GET", path)).body;
    if (data.length >= count) return data;
    if (performance.now() > deadlineMs) throw new Error(`${data.length} executions after ${WAIT_MS} ms`);
    await Bun.sleep(20);
  }
}

test("F063 what is due while everything was killed runs once when it is back; the sandbox slept meanwhile", async () => {
  const { api } = suite;
  await api.create("kept");
  await api.untilState("kept", "STANDBY");
  const { id, value } = await schedule("kept", "1s");
  await suite.dormouse.kill();
  await Bun.sleep(Math.max(0, Date.parse(value) - Date.now()) + 100);
  await suite.startAgain();
  const [execution] = await untilExecuted("kept", 1);
  expect(execution).toMatchObject({ scheduleId: id, status: "succeeded" });
  expect(Date.parse(execution?.executedAt ?? "")).toBeGreaterThan(Date.parse(value));
  await suite.api.untilState("kept", "STANDBY");
  expect(await suite.api.run("kept", "cat /root/runs")).toBe("ran\n");
  await suite.api.remove("kept");
});

test("F063 a sandbox in which everything has ended is started again for its run", async () => {
  const { api } = suite;
  await api.create("dead");
  await api.process("dead", { command: "sleep 0.1; kill -9 -1" });
  await Bun.sleep(300);
  await schedule("dead", "1s");
  expect(await untilExecuted("dead", 1)).toMatchObject([{ status: "succeeded", statusCode: 200 }]);
  await api.remove("dead");
});
