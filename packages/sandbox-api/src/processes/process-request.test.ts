import { expect, test } from "bun:test";
import { readConfig } from "../config.ts";
import { JsonFields } from "../json-body.ts";
import { readProcessRequest } from "./process-request.ts";

/** After how many milliseconds the process is killed, and how many seconds its caller waits; null is never. */
function limitsOf(request: object): readonly [killAfterMs: number | null, timeoutSeconds: number | null] {
  const config = readConfig({ HOME: "/root" }, "/");
  const { spec, wait } = readProcessRequest(new JsonFields({ command: "true", ...request }), config);
  return [spec.killAfterMs, wait.timeoutSeconds];
}

test("F128 a keepAlive process is killed after 600 s unless its request says otherwise, and with 0 never", () => {
  expect(limitsOf({ keepAlive: true })).toEqual([600_000, 600]);
  expect(limitsOf({ keepAlive: true, timeout: -1 })).toEqual([600_000, 600]);
  expect(limitsOf({ keepAlive: true, timeout: 5 })).toEqual([5000, 5]);
  expect(limitsOf({ keepAlive: true, timeout: 0 })).toEqual([null, null]);
});

test("F127 without keepAlive a timeout bounds the wait and never the process", () => {
  expect(limitsOf({})).toEqual([null, null]);
  expect(limitsOf({ timeout: 0 })).toEqual([null, null]);
  expect(limitsOf({ timeout: 5 })).toEqual([null, 5]);
});
