import { expect, test } from "bun:test";
import { SandboxId } from "@dormouse/schema";
import { ReadyIds } from "./ready-ids.ts";

const IMAGE = "base-image:latest";
const FIRST = SandboxId.parse("first0");
const SECOND = SandboxId.parse("second");

test("an id is given once, also when the engine has not heard of its create yet", () => {
  let nowMs = 0;
  const ready = new ReadyIds(() => nowMs);
  ready.note(IMAGE, [FIRST, SECOND]);
  expect(ready.take("other:latest")).toBeUndefined();
  expect(ready.take(IMAGE)).toBe(FIRST);
  ready.note(IMAGE, [FIRST, SECOND]);
  expect([ready.take(IMAGE), ready.take(IMAGE)]).toEqual([SECOND, undefined]);
  nowMs = 60_000;
  ready.note(IMAGE, [FIRST]);
  expect(ready.take(IMAGE)).toBe(FIRST);
});
