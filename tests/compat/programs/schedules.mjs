import { SandboxInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const WAIT_MS = 30_000;

/** Reads again until it is so. */
async function until(read, isSo) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const value = await read();
    if (isSo(value)) return value;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const seen = {};
const sandbox = await SandboxInstance.create({ name: "scheduled", memory: 512 });
const { schedules } = sandbox;
const stateOf = async () => (await SandboxInstance.get("scheduled")).sandbox.state;
const untilState = (state) => until(stateOf, (current) => current === state);

const cron = await schedules.create({
  id: "nightly",
  type: "cron",
  value: "0 3 * * *",
  input: { command: "true", env: { TOKEN: "secret" } },
});
seen.cron = cron;
seen.got = await schedules.get("nightly");
seen.updated = await schedules.update("nightly", { ...seen.got, value: "30 3 * * *" });
seen.missing = (await caught(schedules.get("nobody"))).code;
seen.refused = (await caught(schedules.create({ type: "cron", value: "often", input: { command: "true" } }))).code;

await untilState("STANDBY");
const sleep = await schedules.create({
  type: "sleep",
  value: "2s",
  input: { command: 'echo "$WHO woke in $PWD" > /tmp/woken', name: "waker", env: { WHO: "it" }, workingDir: "/var" },
});
seen.sleep = sleep;
seen.asleepBefore = await stateOf();
const ended = async () => (await schedules.executions({ limit: 1 })).data;
seen.execution = (await until(ended, (executions) => executions.length > 0))[0];
seen.lateMs = Date.parse(seen.execution.executedAt) - Date.parse(sleep.value);
await untilState("STANDBY");
seen.woken = await sandbox.fs.read("/tmp/woken");
seen.process = await sandbox.process.get("waker");
seen.selfDeleted = (await caught(schedules.get(sleep.id))).code;

for (const value of ["1h", "2h"]) await schedules.create({ type: "sleep", value, input: { command: "true" } });
seen.paged = [];
for await (const schedule of await schedules.list({ limit: 1, sort: "createdAt:asc" })) seen.paged.push(schedule.type);
seen.atOnly = (await schedules.list({ type: "at" })).data.length;
seen.deleted = (await schedules.delete("nightly")).id;
seen.left = (await schedules.list()).data.length;

const failing = await schedules.create({
  type: "sleep",
  value: "1s",
  input: { command: "true", workingDir: "/nowhere" },
});
const failed = async () => (await schedules.executions()).data.filter(({ scheduleId }) => scheduleId === failing.id);
seen.failed = (await until(failed, (executions) => executions.length > 0))[0];

await sandbox.delete();
report(seen);
