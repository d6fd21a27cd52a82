import { expect, test } from "bun:test";
import { ArrivalOrder } from "./arrival-order.ts";

test("consecutive bytes of one stream are one run", () => {
  const order = new ArrivalOrder();
  order.extend("stdout", 5);
  order.extend("stdout", 9);
  order.extend("stderr", 2);
  expect([order.at(0), order.at(1), order.at(2)]).toEqual([
    { stream: "stdout", endOffset: 9 },
    { stream: "stderr", endOffset: 2 },
    undefined,
  ]);
});

test("what is remembered is bounded, and a reader still meets every byte of each stream", () => {
  const order = new ArrivalOrder();
  for (let count = 1; count <= 50_000; count += 1) {
    order.extend("stdout", count);
    order.extend("stderr", count);
  }
  const reached = { stdout: 0, stderr: 0 };
  const distinct = new Set<string>();
  for (let number = 0; number < order.endNumber; number += 1) {
    const run = order.at(number);
    if (run === undefined) break;
    distinct.add(`${run.stream} ${run.endOffset}`);
    reached[run.stream] = Math.max(reached[run.stream], run.endOffset);
  }
  expect(reached).toEqual({ stdout: 50_000, stderr: 50_000 });
  expect(distinct.size).toBeLessThanOrEqual(2048);
});
