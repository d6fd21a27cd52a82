import { expect, test } from "bun:test";
import type { ScheduleAnswer } from "@dormouse/schema";
import { as, makeKey } from "../../testkit/accounts.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";

const CRON = { type: "cron", value: "0 8 * * 1-5", input: { command: "true" } };
const NOW_MS = Date.parse("2030-01-01T00:00:30Z");

async function startWith(name: string): Promise<TestServer> {
  const server = await startServer({ clock: () => NOW_MS });
  await server.create(name);
  return server;
}

async function create(server: TestServer, sandbox: string, body: object): Promise<ScheduleAnswer> {
  const answer = await server.call("POST", `/sandboxes/${sandbox}/schedules`, body);
  expect(answer.status).toBe(200);
  return answer.body as ScheduleAnswer;
}

test("F063 a schedule is created with its defaults, read, listed, changed and deleted", async () => {
  await using server = await startWith("box");
  const created = await create(server, "box", CRON);
  expect(created).toEqual({
    id: expect.stringMatching(/^[a-z0-9]{12}$/) as string,
    type: "cron",
    value: "0 8 * * 1-5",
    input: { command: "true", keepAlive: true, timeout: 600 },
    maxExecutions: 100,
    sandbox: "box" as ScheduleAnswer["sandbox"],
    createdAt: "2030-01-01T00:00:30.000Z",
  });
  const path = `/sandboxes/box/schedules/${created.id}`;
  expect((await server.call("GET", path)).body).toEqual(created);
  expect((await server.call("GET", "/sandboxes/box/schedules")).body).toMatchObject({ data: [created] });
  const changed = await server.call("PUT", path, { ...created, value: "30 9 * * *", maxExecutions: 5 });
  expect(changed.body).toEqual({ ...created, value: "30 9 * * *", maxExecutions: 5 });
  expect((await server.call("DELETE", path)).body).toEqual(changed.body);
  expect(await server.call("GET", path)).toMatchObject({ status: 404, body: { error: "SCHEDULE_NOT_FOUND" } });
  expect(await server.call("DELETE", path)).toMatchObject({ status: 404 });
});

test("F063 sleep counts from now and is kept and answered as at, in RFC 3339", async () => {
  await using server = await startWith("box");
  const schedule = await create(server, "box", { type: "sleep", value: "2h", input: { command: "true" } });
  expect(schedule).toMatchObject({ type: "at", value: "2030-01-01T02:00:30.000Z" });
  const path = `/sandboxes/box/schedules/${schedule.id}`;
  expect((await server.call("PUT", path, { type: "sleep", value: "7d" })).body).toMatchObject({
    type: "at",
    value: "2030-01-08T00:00:30.000Z",
  });
});

test("F063 what a schedule starts is kept whole; an update keeps what it leaves out", async () => {
  await using server = await startWith("box");
  const input = {
    command: "run",
    name: "job",
    env: { A: "1", B: "2" },
    workingDir: "/srv",
    keepAlive: false,
    timeout: 0,
  };
  await create(server, "box", { ...CRON, id: "nightly", input });
  const path = "/sandboxes/box/schedules/nightly";
  await server.call("PUT", path, { input: { command: "run --fast", timeout: null } });
  const { body } = await server.call("GET", `${path}?show_secrets=true`);
  expect(body).toMatchObject({ id: "nightly", input: { ...input, command: "run --fast", timeout: 600 } });
});

test("the values of its environment are masked, and a mask sent back keeps them", async () => {
  await using server = await startWith("box");
  await create(server, "box", { ...CRON, id: "one", input: { command: "true", env: { TOKEN: "hush-hush" } } });
  const path = "/sandboxes/box/schedules/one";
  const read = await server.call("GET", path);
  expect(read.body).toMatchObject({ input: { env: { TOKEN: "********" } } });
  await server.call("PUT", path, read.body);
  const shown = await server.call("GET", `${path}?show_secrets=true`);
  expect(shown.body).toMatchObject({ input: { env: { TOKEN: "hush-hush" } } });
  const unknown = await server.call("PUT", path, { input: { env: { OTHER: "********" } } });
  expect(unknown).toMatchObject({ status: 400, body: { message: expect.stringContaining('"OTHER"') as string } });
  expect(JSON.stringify(server.logged)).not.toContain("hush-hush");
});

const REFUSED: readonly [string, object, string][] = [
  ["six cron fields", { ...CRON, value: "* * * * * *" }, "five cron fields"],
  ["a nickname", { ...CRON, value: "@daily" }, "five cron fields"],
  ["a minute that does not exist", { ...CRON, value: "60 * * * *" }, "is no cron expression"],
  ["a day that never comes", { ...CRON, value: "0 0 31 2 *" }, "never comes"],
  ["a time that is past", { ...CRON, type: "at", value: "2029-12-31T23:59:59Z" }, "is past"],
  ["a time without an offset", { ...CRON, type: "at", value: "2031-01-01T00:00:00" }, "expected a time"],
  ["a duration without a unit", { ...CRON, type: "sleep", value: "10" }, "expected a duration"],
  ["an unknown type", { ...CRON, type: "weekly" }, 'expected "cron", "at" or "sleep"'],
  ["no command", { ...CRON, input: {} }, "input.command"],
  ["an empty command", { ...CRON, input: { command: "" } }, "must not be empty"],
  ["a variable with a strange name", { ...CRON, input: { command: "true", env: { "A=B": "" } } }, "input.env.A=B"],
  ["a negative timeout", { ...CRON, input: { command: "true", timeout: -1 } }, "input.timeout"],
  ["no executions to keep", { ...CRON, maxExecutions: 0 }, "maxExecutions"],
  ["an id with a slash", { ...CRON, id: "a/b" }, "Cannot accept id"],
];

test.each(REFUSED)("F063 %s is refused with a sentence", async (_what, body, sentence) => {
  await using server = await startWith("box");
  const answer = await server.call("POST", "/sandboxes/box/schedules", body);
  expect(answer).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
  expect((answer.body as { message: string }).message).toContain(sentence);
  expect((await server.call("GET", "/sandboxes/box/schedules")).body).toMatchObject({ data: [] });
});

test("F063 an id is taken once in a sandbox, and once in every other", async () => {
  await using server = await startWith("one");
  await server.create("two");
  await create(server, "one", { ...CRON, id: "same" });
  await create(server, "two", { ...CRON, id: "same" });
  const again = await server.call("POST", "/sandboxes/one/schedules", { ...CRON, id: "same" });
  expect(again).toMatchObject({ status: 409, body: { code: 409, error: "SCHEDULE_ALREADY_EXISTS" } });
});

test("F063 a sandbox has 100 schedules at most, also when they are created at once", async () => {
  await using server = await startWith("full");
  const answers = await Promise.all(
    Array.from({ length: 105 }, () => server.call("POST", "/sandboxes/full/schedules", CRON)),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
  expect(answers.find(({ status }) => status !== 200)).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining("already has 100") as string },
  });
});

test("F063 lists come in pages, newest or oldest first, by type and by words; clients of earlier versions get an array", async () => {
  await using server = await startWith("box");
  for (const id of ["a-1", "a-2", "b-1"]) await create(server, "box", { ...CRON, id });
  await create(server, "box", { type: "sleep", value: "1d", id: "b-2", input: { command: "backup" } });
  const ids = async (query: string): Promise<{ ids: string[]; meta: { nextCursor: string; total: number } }> => {
    const { body } = await server.call("GET", `/sandboxes/box/schedules?${query}`);
    const { data, meta } = body as { data: ScheduleAnswer[]; meta: { nextCursor: string; total: number } };
    return { ids: data.map(({ id }) => id), meta };
  };
  const first = await ids("limit=3");
  const rest = await ids(`limit=3&cursor=${first.meta.nextCursor}`);
  expect(rest.meta.nextCursor).toBe("");
  expect([...first.ids, ...rest.ids].toSorted()).toEqual(["a-1", "a-2", "b-1", "b-2"]);
  const [down, up] = await Promise.all([ids(""), ids("sort=createdAt:asc")]);
  expect(down.ids).toEqual(up.ids.toReversed());
  expect((await ids("type=at")).ids).toEqual(["b-2"]);
  expect((await ids("type=sleep")).meta.total).toBe(4);
  expect((await ids("q=BACK")).ids).toEqual(["b-2"]);
  const foreign = await server.call("GET", `/sandboxes/box/schedules?type=cron&cursor=${first.meta.nextCursor}`);
  expect(foreign).toMatchObject({ status: 400 });
  const old = await server.call("GET", "/sandboxes/box/schedules", undefined, { "blaxel-version": "2026-04-16" });
  expect(old.body).toHaveLength(4);
});

test("F063 a workspace lists the schedules of all its sandboxes, or of one", async () => {
  await using server = await startWith("one");
  await server.create("two");
  await create(server, "one", { ...CRON, id: "a" });
  await create(server, "two", { ...CRON, id: "b" });
  const all = (await server.call("GET", "/schedules")).body as { data: ScheduleAnswer[] };
  expect(all.data.map(({ sandbox, id }) => `${sandbox}/${id}`).toSorted()).toEqual(["one/a", "two/b"]);
  expect((await server.call("GET", "/schedules?sandbox=two")).body).toMatchObject({ data: [{ id: "b" }] });
  expect((await server.call("GET", "/schedules/metrics")).body).toMatchObject({
    schedules: 2,
    sandboxes: 2,
    executions: 0,
    executionsByStatus: { succeeded: 0, failed: 0 },
    since: "2029-12-31T00:00:00.000Z",
    until: "2030-01-01T00:00:00.000Z",
  });
  expect(await server.call("GET", "/schedules/metrics?since=2029-12-01T00:00:00Z")).toMatchObject({ status: 400 });
});

test("F063 the schedules of a deleted sandbox go with it: another of its name has none", async () => {
  await using server = await startWith("box");
  await create(server, "box", { ...CRON, id: "gone" });
  await server.call("DELETE", "/sandboxes/box");
  expect(await server.call("GET", "/sandboxes/box/schedules")).toMatchObject({ status: 404 });
  expect((await server.call("GET", "/schedules")).body).toMatchObject({ data: [] });
  await server.create("box");
  expect((await server.call("GET", "/sandboxes/box/schedules")).body).toMatchObject({ data: [] });
});

test("what one workspace has scheduled is invisible to another, and cannot be changed by it", async () => {
  await using server = await startWith("box");
  const mine = await create(server, "box", { ...CRON, id: "job" });
  await server.call("POST", "/workspaces", { name: "other" });
  const headers = as(await makeKey(server, "admin", as(server.apiKey, "other")), "other");
  const path = "/sandboxes/box/schedules";
  const calls: readonly [string, string, object?][] = [
    ["GET", path],
    ["POST", path, CRON],
    ["GET", `${path}/job`],
    ["PUT", `${path}/job`, { value: "* * * * *" }],
    ["DELETE", `${path}/job`],
    ["GET", "/sandboxes/box/schedule-executions"],
  ];
  for (const [method, called, body] of calls) {
    const answer = await server.call(method, called, body, headers);
    expect({ method, called, status: answer.status }).toEqual({ method, called, status: 404 });
  }
  for (const list of ["/schedules", "/schedules?sandbox=box", "/schedule-executions"]) {
    expect((await server.call("GET", list, undefined, headers)).body).toMatchObject({ data: [], meta: { total: 0 } });
  }
  expect((await server.call("GET", "/schedules/metrics", undefined, headers)).body).toMatchObject({ schedules: 0 });
  expect((await server.call("GET", `${path}/job`)).body).toEqual(mine);
});

test("members manage schedules, and only administrators see their secrets", async () => {
  await using server = await startWith("box");
  const headers = as(await makeKey(server, "member"));
  const path = "/sandboxes/box/schedules";
  expect((await server.call("POST", path, { ...CRON, id: "job" }, headers)).status).toBe(200);
  for (const secret of [`${path}/job?show_secrets=true`, `${path}?show_secrets=true`, "/schedules?show_secrets=true"]) {
    expect((await server.call("GET", secret, undefined, headers)).status).toBe(403);
    expect((await server.call("GET", secret)).status).toBe(200);
  }
  expect((await server.call("DELETE", `${path}/job`, undefined, headers)).status).toBe(200);
});
