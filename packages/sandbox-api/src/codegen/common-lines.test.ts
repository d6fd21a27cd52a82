import { expect, test } from "bun:test";
import { commonLines } from "./common-lines.ts";

test("lines both have in the same order are common, blank ones always", () => {
  expect(commonLines([2, 3, 1], [1, 2, 0, 3])).toEqual([false, true, true, true]);
  expect(commonLines([1, 1], [1, 1, 1]).filter(Boolean)).toHaveLength(2);
  expect(commonLines([], [1, 0])).toEqual([false, true]);
});

test("of very many lines the order does not count", () => {
  const many = Array.from({ length: 400 }, (_, at) => at + 1);
  expect(commonLines(many, many.toReversed()).every(Boolean)).toBe(true);
});
