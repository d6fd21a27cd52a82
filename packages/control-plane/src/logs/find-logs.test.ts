import { expect, test } from "bun:test";
import { addressIn, startBuildBench } from "../../testkit/builds.ts";

/* `GET /observability/logs`, as the command line reads it. */

test("F086 lines of a build are found under the name before there is a sandbox, newest first", async () => {
  await using bench = await startBuildBench();
  expect(await bench.logs("box")).toEqual({ logs: [], totalCount: 0 });
  const begun = await bench.begin("box");
  expect(await bench.logs("box")).toEqual({ logs: [], totalCount: 0 });
  await bench.upload(begun, "COPY . .");
  expect(await bench.logs("box")).toEqual({
    logs: [
      { timestamp: "2026-01-01T00:00:01.000000001Z", message: "COPY . .", severity: 9, trace_id: "" },
      { timestamp: "2026-01-01T00:00:00.000000000Z", message: "STEP 1/2: FROM scratch", severity: 9, trace_id: "" },
    ],
    totalCount: 2,
  });
  expect(addressIn(begun)).toBeString();
});

test("F086 the failure is a line of its own, and of an image too", async () => {
  await using bench = await startBuildBench();
  await bench.upload(await bench.beginImage("tools"));
  await bench.fail();
  const { logs } = await bench.logs("tools", "&severity=ERROR,FATAL");
  expect(logs).toMatchObject([{ severity: 17, message: expect.stringContaining("RUN false") }]);
});

test("lines are picked by window, search, limit and offset; all severities are all", async () => {
  await using bench = await startBuildBench();
  await bench.upload(await bench.begin("box"), "COPY . .");
  const found = async (query: string) => (await bench.logs("box", query)).logs.map(({ message }) => message);
  const [step, copy] = ["STEP 1/2: FROM scratch", "COPY . ."];
  expect(await found("&start=2026-01-01T00:00:01&end=2026-01-01T00:00:09")).toEqual([copy]);
  expect(await found("&start=2026-01-01T00:00:00&end=2026-01-01T00:00:00")).toEqual([step]);
  expect(await found("&start=2026-01-01T01:00:00%2B01:00&end=2026-01-01T00:00:00Z")).toEqual([step]);
  expect(await found("&search=from")).toEqual([step]);
  expect(await found("&limit=1")).toEqual([copy]);
  expect(await found("&limit=1&offset=1")).toEqual([step]);
  const stock = "&type=all&traceId=&limit=1000&offset=0&severity=all,UNKNOWN,TRACE,DEBUG&search=&taskId=&interval=60";
  expect(await found(`&resourceType=sandboxes${stock}`)).toEqual([copy, step]);
  expect(await found("&severity=ERROR")).toEqual([]);
});

test("an end in whole seconds takes in all of its second, as one has just begun when a command line asks", async () => {
  await using bench = await startBuildBench();
  await bench.server.create("box");
  const sandbox = await bench.stored("box");
  const startedAtMs = Date.parse("2026-01-01T10:00:00.244Z");
  const program = { name: "dev", startedAtMs, endedAtMs: undefined, stdout: "ready\n", stderr: "" };
  if (sandbox !== undefined) bench.server.calls.output.set(sandbox.id, [program]);
  const counts = ["2026-01-01T10:00:00", "2026-01-01T10:00:00Z", "2026-01-01T09:59:59", "2026-01-01T10:00:00.243"].map(
    async (end) => (await bench.logs("box", `&end=${end}`)).totalCount,
  );
  expect(await Promise.all(counts)).toEqual([1, 1, 0, 0]);
});

test.each(["", "?workloadIds=box&start=yesterday", "?workloadIds=box&limit=x"])(
  "the query %j is refused with 400",
  async (query) => {
    await using bench = await startBuildBench();
    expect(await bench.server.call("GET", `/observability/logs${query}`)).toMatchObject({ status: 400 });
  },
);

test("what the programs of a sandbox write is there, of one that runs in every window from its start on", async () => {
  await using bench = await startBuildBench();
  await bench.server.create("box");
  const sandbox = await bench.stored("box");
  if (sandbox === undefined) throw new Error("no sandbox");
  const [startedAtMs, endedAtMs] = [Date.parse("2026-01-01T10:00:00Z"), Date.parse("2026-01-01T11:00:00Z")];
  const program = { name: "dev", startedAtMs, endedAtMs: undefined, stdout: "ready\n", stderr: "slow\n" };
  const ended = { ...program, name: "once", endedAtMs, stdout: "done", stderr: "" };
  bench.server.calls.output.set(sandbox.id, [program, ended]);
  const found = async (query: string) => (await bench.logs("box", query)).logs.map(({ message }) => message);
  expect((await found("&start=2026-01-01T10:30:00")).toSorted()).toEqual(["[dev] ready", "[dev] slow", "[once] done"]);
  expect((await found("&start=2026-01-01T12:00:00")).toSorted()).toEqual(["[dev] ready", "[dev] slow"]);
  expect(await found("&end=2026-01-01T09:00:00")).toEqual([]);
  expect(await found("&severity=WARNING")).toEqual(["[dev] slow"]);
  expect(await found("&resourceType=images")).toEqual([]);
});

test("F086 build-logs follows a build to its end, and is 404 for what was not built", async () => {
  await using bench = await startBuildBench();
  await bench.server.create("plain");
  const missing = await bench.server.call("GET", "/sandboxes/plain/build-logs");
  expect(missing).toMatchObject({ status: 404, body: { error: "BUILD_NOT_FOUND" } });
  expect(await bench.server.call("GET", "/sandboxes/nobody/build-logs")).toMatchObject({
    status: 404,
    body: { error: "SANDBOX_NOT_FOUND" },
  });
  await bench.upload(await bench.begin("box"));
  const following = bench.text("/sandboxes/box/build-logs");
  const now = await bench.text("/sandboxes/box/build-logs?follow=false");
  expect(now).toContain("STEP 1/2");
  expect(now).not.toContain("Cannot build");
  await bench.fail();
  expect(await following).toMatch(/^2026-01-01T00:00:00\.000Z STEP 1\/2.*\n.*\n\S+Z Cannot build the image: .*\n$/);
});
