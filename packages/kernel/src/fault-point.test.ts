import { afterEach, expect, test } from "bun:test";
import { armFaultPoint, faultPoint } from "./fault-point.ts";

afterEach(() => armFaultPoint("server.create.recorded", () => undefined));

test("a fault point does nothing until it is armed, and then only itself", () => {
  const struck: string[] = [];
  faultPoint("engine.sleep.frozen");
  armFaultPoint("engine.sleep.frozen", () => struck.push("frozen"));
  faultPoint("engine.sleep.asked");
  expect(struck).toEqual([]);
  faultPoint("engine.sleep.frozen");
  expect(struck).toEqual(["frozen"]);
});
