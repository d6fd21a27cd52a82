import { expect, test } from "bun:test";
import { parseArguments } from "./arguments.ts";

test("the port has three spellings and a default; what is unknown is ignored", () => {
  for (const flag of ["-p", "-port", "--port"]) expect(parseArguments([flag, "9000"]).port).toBe(9000);
  expect(parseArguments(["--disable-telemetry", "x"])).toEqual({ port: 8080, entrypoint: [] });
  expect(() => parseArguments(["-p", "http"])).toThrow(RangeError);
});

test("the entry point is a JSON array of strings", () => {
  expect(parseArguments(["--entrypoint-json", '["/a","b c"]']).entrypoint).toEqual(["/a", "b c"]);
  for (const bad of ["{}", "[1]", "x"]) expect(() => parseArguments(["--entrypoint-json", bad])).toThrow();
});
