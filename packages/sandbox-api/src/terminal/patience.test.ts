import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../testing/agent.ts";
import { afterAwake } from "./awake-timer.ts";
import { openSlowClient } from "./testing/slow-client.ts";
import { isAlive, openTerminal } from "./testing/terminal-client.ts";
import { startTerminalServer } from "./testing/terminal-server.ts";

const NEVER_MS = 3_600_000;
const LINE_COUNT = 120_000;
/** A prompt may stand before the first one. */
const LINES = /\d{100}\r$/gm;
const BLOCK_COUNT = 30;

/** Types a program that prints 12 MB, more than the kernel holds of a connection, noting where it is, and ends its shell. */
const FLOOD = `i=0; while [ $i -lt ${BLOCK_COUNT} ]; do seq -f '%0100.0f' $((i*4000)) $((i*4000+3999)); i=$((i+1)); echo $i > at; done; exit\r`;

const RESET = "\u001b[0m";

/** Resolves once `read` gives the same for a while: for what must come to a stop. */
const untilSame = (read: () => unknown) =>
  until(async () => {
    const before = read();
    await Bun.sleep(300);
    return before === read();
  }, 20_000);

test("a slow client loses nothing: the program waits for it, and the agent holds little (D-11)", async () => {
  await using server = startTerminalServer({ idleMs: NEVER_MS, holdUpMs: NEVER_MS });
  using typist = await openTerminal(server.url, { shell: "sh", sessionId: "flood" });
  typist.type('stty -echo; echo rea""dy\r');
  await typist.sees(/ready/);
  using slow = await openSlowClient(server.port, "sessionId=flood");
  const progress = () => (existsSync(join(server.folder, "at")) ? readFileSync(join(server.folder, "at"), "utf8") : "");
  typist.type(FLOOD);
  await until(() => progress() !== "");
  await untilSame(progress);
  expect(Number(progress())).toBeLessThan(BLOCK_COUNT);
  const { code, output } = await slow.readToEnd();
  expect(code).toBe(1000);
  const lines = output.match(LINES) ?? [];
  expect(lines).toHaveLength(LINE_COUNT);
  expect(lines.every((line, index) => Number(line) === index)).toBeTrue();
}, 60_000);

test("a client that keeps others waiting for too long is let go with 1013, and they get everything", async () => {
  await using server = startTerminalServer({ idleMs: NEVER_MS, holdUpMs: 300 });
  using viewer = await openTerminal(server.url, { shell: "sh", sessionId: "flood" });
  using slow = await openSlowClient(server.port, "sessionId=flood");
  viewer.type(FLOOD);
  // No program would be let to come that far before the slow client is.
  await until(() => viewer.output().length > 9_000_000, 20_000);
  expect((await slow.readToEnd()).code).toBe(1013);
  expect(await viewer.closed).toBe(1000);
  expect(viewer.output().match(LINES)).toHaveLength(LINE_COUNT);
}, 60_000);

test("a client that takes the last output late still gets it, and the 1000 after it (D-11)", async () => {
  await using server = startTerminalServer({ idleMs: NEVER_MS, holdUpMs: NEVER_MS });
  using viewer = await openTerminal(server.url, { shell: "sh", sessionId: "flood" });
  viewer.type("echo pid:$$:\r");
  const [, shell] = await viewer.sees(/pid:(\d+):/);
  using slow = await openSlowClient(server.port, "sessionId=flood");
  viewer.type(FLOOD);
  await until(() => viewer.output().length > 2_000_000, 20_000);
  await untilSame(() => viewer.output().length);
  process.kill(Number(shell), "SIGKILL");
  expect(await viewer.closed).toBe(1000);
  // The runtime gives up on what a closed socket still holds after some four seconds.
  await Bun.sleep(5000);
  const { code, output } = await slow.readToEnd();
  expect(code).toBe(1000);
  expect(viewer.output().endsWith(output.slice(RESET.length))).toBeTrue();
}, 60_000);

test("a slow client that leaves lets the program go on", async () => {
  await using server = startTerminalServer({ idleMs: NEVER_MS, holdUpMs: NEVER_MS });
  using viewer = await openTerminal(server.url, { shell: "sh", sessionId: "flood" });
  const slow = await openSlowClient(server.port, "sessionId=flood");
  viewer.type(FLOOD);
  await until(() => viewer.output().length > 1_000_000, 20_000);
  slow[Symbol.dispose]();
  expect(await viewer.closed).toBe(1000);
}, 60_000);

test("input that no program reads is refused at some point, with a reason", async () => {
  await using server = startTerminalServer({ idleMs: NEVER_MS, holdUpMs: NEVER_MS });
  using terminal = await openTerminal(server.url, { shell: "sh" });
  terminal.type('stty raw -echo; echo rea""dy; sleep 60\r');
  await terminal.sees(/ready/);
  for (let count = 0; count < 5; count += 1) terminal.type("x".repeat(6 * 1024 * 1024));
  expect(await terminal.closed).toBe(1013);
  expect(terminal.frames.at(-1)).toMatchObject({
    data: "Cannot type ahead: the program has not read what was typed before",
  });
}, 20_000);

test("a terminal without clients ends after a while, one that is looked at does not (R-02)", async () => {
  await using server = startTerminalServer({ idleMs: 200, holdUpMs: NEVER_MS });
  using watched = await openTerminal(server.url, { shell: "sh", sessionId: "watched" });
  const left = await openTerminal(server.url, { shell: "sh", sessionId: "left" });
  left.type("echo pid:$$:\r");
  const [, shell] = await left.sees(/pid:(\d+):/);
  left[Symbol.dispose]();
  expect(isAlive(Number(shell))).toBeTrue();
  await until(() => !isAlive(Number(shell)));
  watched.type("echo still-$((1+0))\r");
  await watched.sees(/still-1/);
});

test("who comes back in time stops the clock", async () => {
  await using server = startTerminalServer({ idleMs: 400, holdUpMs: NEVER_MS });
  (await openTerminal(server.url, { shell: "sh" }))[Symbol.dispose]();
  using back = await openTerminal(server.url, { shell: "/no/such/shell" });
  await Bun.sleep(600);
  back.type("echo still-$((1+0))\r");
  await back.sees(/still-1/);
});

test("time in which the agent is frozen does not count", async () => {
  let hasFired = false;
  const timer = afterAwake(200, () => {
    hasFired = true;
  });
  // As a sandbox that sleeps: nothing runs, and the clock goes on.
  Bun.sleepSync(500);
  await Bun.sleep(0);
  expect(hasFired).toBeFalse();
  await until(() => hasFired);
  timer[Symbol.dispose]();
});
