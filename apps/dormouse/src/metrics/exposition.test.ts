import { expect, test } from "bun:test";
import { Counter } from "./counter.ts";
import { renderMetrics } from "./exposition.ts";
import { BOUNDS_S, Histogram } from "./histogram.ts";

test("a histogram counts what took no longer than each bound, the bound itself included", () => {
  const histogram = new Histogram();
  for (const durationMs of [0.1, 0.11, 1, 30_000, 30_001]) histogram.note(durationMs);
  const counts = histogram.cumulativeCounts();
  const atBound = (boundS: number): number | undefined => counts[BOUNDS_S.indexOf(boundS)];
  expect([atBound(0.0001), atBound(0.00025), atBound(0.001), atBound(10), atBound(30)]).toEqual([1, 2, 3, 3, 4]);
  expect(counts.at(-1)).toBe(5);
  expect(histogram.sumS).toBeCloseTo(60.00221, 5);
});

test("labels are escaped as the format wants it", () => {
  const counter = new Counter("code");
  counter.add({ code: 'a "quote", a \\ and\na line' });
  const text = renderMetrics([{ name: "odd_total", help: "Odd.", type: "counter", series: counter.series() }]);
  expect(text).toBe(
    '# HELP odd_total Odd.\n# TYPE odd_total counter\nodd_total{code="a \\"quote\\", a \\\\ and\\na line"} 1\n',
  );
});

test("a histogram is rendered with its buckets, its sum and its count", () => {
  const histogram = new Histogram();
  histogram.note(20);
  const series = [{ labels: { kind: "preview" }, histogram }];
  const lines = renderMetrics([{ name: "x_seconds", help: "X.", type: "histogram", series }]).split("\n");
  expect(lines).toContain('x_seconds_bucket{kind="preview",le="0.01"} 0');
  expect(lines).toContain('x_seconds_bucket{kind="preview",le="0.025"} 1');
  expect(lines.slice(-4)).toEqual([
    'x_seconds_bucket{kind="preview",le="+Inf"} 1',
    'x_seconds_sum{kind="preview"} 0.02',
    'x_seconds_count{kind="preview"} 1',
    "",
  ]);
});
