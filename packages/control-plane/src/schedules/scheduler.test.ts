import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { ScheduleAnswer, ScheduleExecutionAnswer } from "@dormouse/schema";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { startServer, type ServerOptions, type TestServer } from "../../testkit/server.ts";
import { Scheduler } from "./scheduler.ts";

const START_MS = Date.parse("2030-01-01T00:00:30Z");
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A clock that goes on when it is told to. */
class TestClock {
  nowMs = START_MS;
  readonly read = (): number => this.nowMs;

  /** Resolves when everything due by then has ended. */
  async advance(server: TestServer, durationMs: number): Promise<void> {
    this.nowMs += durationMs;
    await server.deps.scheduler.check();
    await server.deps.scheduler.idle();
  }
}

async function start(clock: TestClock, options: ServerOptions = {}): Promise<TestServer> {
  const server = await startServer({ clock: clock.read, ...options });
  await server.create("box");
  return server;
}

async function schedule(server: TestServer, type: string, value: string, more: object = {}): Promise<ScheduleAnswer> {
  const body = { type, value, input: { command: "work" }, ...more };
  const answer = await server.call("POST", "/sandboxes/box/schedules", body);
  expect(answer.status).toBe(200);
  return answer.body as ScheduleAnswer;
}

async function executions(server: TestServer, query = ""): Promise<ScheduleExecutionAnswer[]> {
  const { body } = await server.call("GET", `/sandboxes/box/schedule-executions?${query}`);
  return (body as { data: ScheduleExecutionAnswer[] }).data;
}

const exists = async (server: TestServer, id: string): Promise<boolean> =>
  (await server.call("GET", `/sandboxes/box/schedules/${id}`)).status === 200;

test("F063 F064 a cron submits its command every time, and every run is recorded, newest first", async () => {
  const clock = new TestClock();
  await using server = await start(clock);
  const { id } = await schedule(server, "cron", "* * * * *", {
    input: { command: "work", env: { A: "1" }, workingDir: "/srv", keepAlive: false, timeout: 5 },
  });
  await clock.advance(server, 29_999);
  expect(server.calls.calls).toEqual([]);
  await clock.advance(server, 1);
  await clock.advance(server, MINUTE_MS);
  const [second, first] = await executions(server);
  expect([first, second]).toEqual(
    ["2030-01-01T00:01:00.000Z", "2030-01-01T00:02:00.000Z"].map((at) => ({
      id: expect.any(String) as string,
      scheduleId: id,
      sandbox: "box" as ScheduleExecutionAnswer["sandbox"],
      status: "succeeded" as const,
      statusCode: 200,
      executedAt: at,
      createdAt: at,
      processName: expect.stringMatching(/^schedule-[a-z0-9]{12}$/) as string,
      timeout: 5,
    })),
  );
  const names = [first?.processName, second?.processName];
  expect(server.calls.calls.map(({ request }) => request)).toEqual(
    names.map((name) => ({
      command: "work",
      name: name ?? "",
      env: { A: "1" },
      workingDir: "/srv",
      keepAlive: false,
      timeout: 5,
    })),
  );
  expect(new Set(names).size).toBe(2);
});

test("F063 at runs once, deletes itself, and leaves its execution", async () => {
  const clock = new TestClock();
  await using server = await start(clock);
  const { id } = await schedule(server, "at", "2030-01-01T03:00:00+02:00", { input: { command: "work", name: "job" } });
  await clock.advance(server, HOUR_MS - 30_001);
  expect(await exists(server, id)).toBe(true);
  await clock.advance(server, 1);
  expect(await exists(server, id)).toBe(false);
  await clock.advance(server, HOUR_MS);
  expect(await executions(server)).toMatchObject([{ scheduleId: id, processName: "job", status: "succeeded" }]);
  expect(server.calls.calls).toHaveLength(1);
});

test("F063 sleep runs by itself once its time has passed", async () => {
  await using server = await startServer();
  await server.create("box");
  const { promise: called, resolve } = Promise.withResolvers<void>();
  server.calls.answer = () => {
    resolve();
    return { status: 200, error: undefined };
  };
  const { value, id } = await schedule(server, "sleep", "1s");
  await called;
  const lateMs = Date.now() - Date.parse(value);
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(1000);
  await server.deps.scheduler.idle();
  expect(await exists(server, id)).toBe(false);
});

test("F064 a refused command, an unreachable sandbox and a disabled one are failed executions that say why", async () => {
  const clock = new TestClock();
  await using server = await start(clock);
  await schedule(server, "cron", "* * * * *");
  server.calls.answer = () => ({ status: 400, error: "process with name 'job' already exists and is running" });
  await clock.advance(server, MINUTE_MS);
  server.calls.answer = () => Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot wake it: the engine is away"));
  await clock.advance(server, MINUTE_MS);
  server.calls.answer = () => Promise.reject(new Error("secret detail"));
  await clock.advance(server, MINUTE_MS);
  await server.call("PUT", "/sandboxes/box", { spec: { enabled: false } });
  await clock.advance(server, MINUTE_MS);
  const [disabled, unknown, unreachable, refused] = await executions(server, "status=failed");
  expect(refused).toMatchObject({ statusCode: 400, error: expect.stringContaining("already exists") as string });
  expect(unreachable).toMatchObject({ statusCode: 0, error: expect.stringContaining("the engine is away") as string });
  expect(unknown?.error).not.toContain("secret detail");
  expect(disabled).toMatchObject({ statusCode: 0, error: expect.stringContaining("DEACTIVATED") as string });
  expect(server.calls.calls).toHaveLength(3);
});

test("F064 of every schedule the newest maxExecutions are kept", async () => {
  const clock = new TestClock();
  await using server = await start(clock);
  await schedule(server, "cron", "* * * * *", { id: "few", maxExecutions: 2 });
  await schedule(server, "cron", "*/2 * * * *", { id: "many" });
  for (let round = 0; round < 6; round++) await clock.advance(server, MINUTE_MS);
  const kept = (await executions(server)).map(
    ({ scheduleId, createdAt }) => `${scheduleId} ${createdAt.slice(14, 16)}`,
  );
  expect(kept.toSorted()).toEqual(["few 05", "few 06", "many 02", "many 04", "many 06"]);
});

test("F064 executions come in pages and by schedule, status and time; the metrics count them", async () => {
  const clock = new TestClock();
  await using server = await start(clock);
  await schedule(server, "cron", "* * * * *", { id: "one" });
  for (let round = 0; round < 5; round++) await clock.advance(server, MINUTE_MS);
  const seen: string[] = [];
  for (let cursor = ""; ;) {
    const { body } = await server.call("GET", `/schedule-executions?limit=2${cursor && `&cursor=${cursor}`}`);
    const page = body as { data: ScheduleExecutionAnswer[]; meta: { nextCursor: string; total: number } };
    expect(page.meta.total).toBe(5);
    seen.push(...page.data.map(({ createdAt }) => createdAt.slice(14, 16)));
    cursor = page.meta.nextCursor;
    if (cursor === "") break;
  }
  expect(seen).toEqual(["05", "04", "03", "02", "01"]);
  expect(await executions(server, "schedule=one&since=2030-01-01T00:02:00Z&until=2030-01-01T00:03:30Z")).toHaveLength(
    2,
  );
  expect(await executions(server, "schedule=other")).toEqual([]);
  expect(await executions(server, "status=failed")).toEqual([]);
  expect((await server.call("GET", "/schedules/metrics")).body).toMatchObject({
    executions: 4,
    executionsByStatus: { succeeded: 4, failed: 0 },
  });
});

test("F063 an update moves the next run, and one that changes no time does not", async () => {
  const clock = new TestClock();
  await using server = await start(clock);
  await schedule(server, "sleep", "10m", { id: "job" });
  const path = "/sandboxes/box/schedules/job";
  await server.call("PUT", path, { input: { command: "other" } });
  await server.call("PUT", path, { type: "sleep", value: "20m" });
  await clock.advance(server, 10 * MINUTE_MS);
  expect(server.calls.calls).toEqual([]);
  await clock.advance(server, 10 * MINUTE_MS);
  expect(server.calls.calls).toMatchObject([{ request: { command: "other" } }]);
});

test("F063 a sandbox that does not answer keeps only its own schedules waiting", async () => {
  const clock = new TestClock();
  await using server = await start(clock);
  await server.create("other");
  const stuck = Promise.withResolvers<{ status: number; error: undefined }>();
  const otherCalled = Promise.withResolvers<void>();
  server.calls.answer = ({ command }) => {
    if (command === "stick") return stuck.promise;
    if (command === "other") otherCalled.resolve();
    return { status: 200, error: undefined };
  };
  await schedule(server, "cron", "* * * * *", { input: { command: "stick" } });
  await schedule(server, "cron", "* * * * *", { input: { command: "mine" } });
  await server.call("POST", "/sandboxes/other/schedules", {
    type: "cron",
    value: "1 * * * *",
    input: { command: "other" },
  });
  clock.nowMs += MINUTE_MS;
  await server.deps.scheduler.check();
  await otherCalled.promise;
  stuck.resolve({ status: 200, error: undefined });
  await server.deps.scheduler.idle();
  expect(server.calls.calls.map(({ request }) => request.command).toSorted()).toEqual(["mine", "other", "stick"]);
});

test("F063 the schedules of an expired sandbox go with it", async () => {
  const clock = new TestClock();
  await using server = await startServer({ clock: clock.read });
  await server.create("box", { runtime: { ttl: "90s" } });
  await schedule(server, "cron", "* * * * *");
  await clock.advance(server, MINUTE_MS);
  clock.nowMs += MINUTE_MS;
  server.deps.alarms.check();
  while (((await server.call("GET", "/sandboxes/box")).body as { status: string }).status !== "TERMINATED") {
    await Bun.sleep(1);
  }
  await clock.advance(server, MINUTE_MS);
  expect(server.calls.calls.length).toBeLessThanOrEqual(2);
  expect((await server.call("GET", "/schedules")).body).toMatchObject({ data: [] });
  expect((await server.call("GET", "/schedule-executions")).body).toMatchObject({ data: [] });
});

/** A server on a file, so that another can follow it. */
async function withFile(run: (options: ServerOptions) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-schedules-"));
  try {
    await run({ sqlitePath: join(folder, "test.db"), engine: new MemoryEngine() });
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("F063 what was due while the server was down runs once: the latest run of a cron, and at however late", async () => {
  await withFile(async (options) => {
    const clock = new TestClock();
    {
      await using before = await start(clock, options);
      await schedule(before, "cron", "*/10 * * * *", { id: "often" });
      await schedule(before, "cron", "0 1 * * *", { id: "daily" });
      await schedule(before, "sleep", "5m", { id: "once" });
    }
    clock.nowMs += 3 * HOUR_MS;
    await using after = await startServer({ ...options, clock: clock.read });
    await after.deps.scheduler.idle();
    const ran = Object.fromEntries((await executions(after)).map((run) => [run.scheduleId, run]));
    expect(Object.keys(ran)).toHaveLength(3);
    expect(ran["often"]).toMatchObject({ status: "succeeded" });
    expect(ran["once"]).toMatchObject({ status: "succeeded" });
    expect(ran["daily"]).toMatchObject({ status: "failed", statusCode: 0 });
    expect(ran["daily"]?.error).toContain("2030-01-01T01:00:00.000Z, was missed");
    expect(after.calls.calls).toHaveLength(2);
    expect(await exists(after, "once")).toBe(false);
    await clock.advance(after, 7 * MINUTE_MS);
    expect(after.calls.calls).toHaveLength(2);
    await clock.advance(after, 3 * MINUTE_MS);
    expect(after.calls.calls).toHaveLength(3);
  });
});

/** Makes the sandbox take a command and answer when it is told to. */
function holdAnswer(server: TestServer): { readonly submitted: Promise<void>; release(): void } {
  const submitted = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  server.calls.answer = async () => {
    submitted.resolve();
    await answered.promise;
    return { status: 200, error: undefined };
  };
  return { submitted: submitted.promise, release: () => answered.resolve() };
}

test("F063 a run that a crash cuts off is recorded as failed by the next server and not repeated", async () => {
  await withFile(async (options) => {
    const clock = new TestClock();
    await using crashed = await start(clock, options);
    const held = holdAnswer(crashed);
    await schedule(crashed, "sleep", "5m", { id: "once" });
    clock.nowMs += 5 * MINUTE_MS;
    await crashed.deps.scheduler.check();
    await held.submitted;
    expect(await executions(crashed)).toEqual([]);
    await using next = await startServer({ ...options, clock: clock.read });
    await next.deps.scheduler.idle();
    held.release();
    await crashed.deps.scheduler.idle();
    expect(next.calls.calls).toEqual([]);
    const [cutOff] = await executions(next);
    expect(cutOff).toMatchObject({ scheduleId: "once", status: "failed", statusCode: 0 });
    expect(cutOff?.error).toContain("the server ended");
    expect(await exists(next, "once")).toBe(false);
  });
});

test("a server that stops waits for the answers it is about to get", async () => {
  await withFile(async (options) => {
    const clock = new TestClock();
    {
      await using stopping = await start(clock, options);
      const held = holdAnswer(stopping);
      await schedule(stopping, "sleep", "5m");
      clock.nowMs += 5 * MINUTE_MS;
      await stopping.deps.scheduler.check();
      await held.submitted;
      setTimeout(() => held.release(), 10);
    }
    await using next = await startServer({ ...options, clock: clock.read });
    expect(await executions(next)).toMatchObject([{ status: "succeeded" }]);
  });
});

test("F063 two servers on one database never submit a run twice", async () => {
  const clock = new TestClock();
  await using server = await start(clock);
  const { store, log, scheduler } = server.deps;
  await using second = new Scheduler({ store, calls: server.calls, log, clock: clock.read });
  for (let index = 0; index < 20; index++) await schedule(server, "cron", "* * * * *");
  clock.nowMs += MINUTE_MS;
  await Promise.all([scheduler.check(), second.check()]);
  await Promise.all([scheduler.idle(), second.idle()]);
  await clock.advance(server, 0);
  expect(server.calls.calls).toHaveLength(20);
  expect(await executions(server)).toHaveLength(20);
});

test("F063 when a wrong clock is set back, a cron follows it, and no run is repeated", async () => {
  const clock = new TestClock();
  await using server = await start(clock);
  await schedule(server, "cron", "*/10 * * * *");
  await clock.advance(server, 10 * MINUTE_MS);
  expect(server.calls.calls).toHaveLength(1);
  await clock.advance(server, -2 * HOUR_MS);
  expect(server.calls.calls).toHaveLength(1);
  await clock.advance(server, 10 * MINUTE_MS);
  expect(server.calls.calls).toHaveLength(2);
  clock.nowMs = START_MS;
  await clock.advance(server, 10 * MINUTE_MS);
  const due = (await executions(server)).map(({ createdAt }) => createdAt);
  expect(due.toSorted()).toEqual(["2029-12-31T22:20:30.000Z", "2030-01-01T00:10:30.000Z"]);
});
