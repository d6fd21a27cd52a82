import { expect, test } from "bun:test";
import { logTimes } from "./log-times.ts";

const NOW_MS = Date.parse("2026-01-31T12:00:00Z");
const shown = (options: Parameters<typeof logTimes>[0]) => {
  const { startMs, endMs } = logTimes(options, NOW_MS);
  return [startMs, endMs].map((timeMs) => new Date(timeMs).toISOString().slice(5, 16));
};

test("the last hour, unless a period or times say otherwise; a day is its noon", () => {
  expect(shown({})).toEqual(["01-31T11:00", "01-31T12:00"]);
  expect(shown({ period: "2d" })).toEqual(["01-29T12:00", "01-31T12:00"]);
  expect(shown({ start: "2026-01-30", end: "2026-01-30T20:00:00+02:00" })).toEqual(["01-30T12:00", "01-30T18:00"]);
  expect(shown({ end: "2026-01-30T00:00:00Z", period: "30m" })).toEqual(["01-29T23:30", "01-30T00:00"]);
});

test.each([
  [{ period: "5x" }, "Cannot read period"],
  [{ start: "soon" }, "Cannot read time"],
  [{ start: "2026-02-01" }, "the start is not before the end"],
  [{ period: "1w" }, "more than 3 days"],
])("%o is refused", (options, message) => {
  expect(() => logTimes(options, NOW_MS)).toThrow(message);
});
