import { expect, test } from "bun:test";
import { formatUptime } from "./health.ts";

test("uptime drops leading zero units and fractions", () => {
  expect([0.9, 61, 5400, 90_061].map(formatUptime)).toEqual(["0s", "1m1s", "1h30m0s", "25h1m1s"]);
});
