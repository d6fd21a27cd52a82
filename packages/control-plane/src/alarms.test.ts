import { expect, test } from "bun:test";
import { Alarms } from "./alarms.ts";

/** Alarms by a clock that a test sets, and what has rung. */
function withClock() {
  const rung: string[] = [];
  const clock = { nowMs: 1_000_000 };
  const alarms = new Alarms<string>({ clock: () => clock.nowMs, onDue: (key) => void rung.push(key) });
  return { alarms, clock, rung, [Symbol.dispose]: () => alarms[Symbol.dispose]() };
}

test("keys whose time has come ring once, in the order of their times", () => {
  using context = withClock();
  const { alarms, clock, rung } = context;
  alarms.set("late", 1_000_300);
  alarms.set("first", 1_000_100);
  alarms.set("second", 1_000_200);
  alarms.check();
  expect(rung).toEqual([]);
  clock.nowMs = 1_000_200;
  alarms.check();
  alarms.check();
  expect(rung).toEqual(["first", "second"]);
});

test("a key has one time: setting it again replaces it, and undefined takes it back", () => {
  using context = withClock();
  const { alarms, clock, rung } = context;
  alarms.set("moved", 1_000_100);
  alarms.set("moved", 1_000_900);
  alarms.set("gone", 1_000_100);
  alarms.set("gone", undefined);
  clock.nowMs = 1_000_500;
  alarms.check();
  expect(rung).toEqual([]);
  clock.nowMs = 1_000_900;
  alarms.check();
  expect(rung).toEqual(["moved"]);
});

test("a clock that jumps forward rings everything it jumped over, one that jumps back rings nothing again", () => {
  using context = withClock();
  const { alarms, clock, rung } = context;
  alarms.set("tomorrow", clock.nowMs + 86_400_000);
  alarms.set("next year", clock.nowMs + 366 * 86_400_000);
  clock.nowMs += 2 * 86_400_000;
  alarms.check();
  clock.nowMs -= 3 * 86_400_000;
  alarms.check();
  expect(rung).toEqual(["tomorrow"]);
});

test("the timer rings by itself, never early, and sooner when an earlier time is set", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  using alarms = new Alarms<string>({ clock: Date.now, onDue: () => resolve(Date.now()) });
  const dueMs = Date.now() + 40;
  alarms.set("far", Date.now() + 400 * 86_400_000);
  alarms.set("near", dueMs);
  const lateMs = (await promise) - dueMs;
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(1000);
});

test("a time that is past rings at once, and nothing rings after the end", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const rung: string[] = [];
  const onDue = (key: string): void => {
    rung.push(key);
    resolve(key);
  };
  const alarms = new Alarms<string>({ clock: Date.now, onDue });
  alarms.set("past", 1);
  expect(await promise).toBe("past");
  alarms[Symbol.dispose]();
  alarms.set("after the end", 1);
  await Bun.sleep(30);
  expect(rung).toEqual(["past"]);
});
