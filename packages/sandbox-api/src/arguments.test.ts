import { AppError } from "@dormouse/kernel";
import { expect, test } from "bun:test";
import { parseArguments } from "./arguments.ts";

test("every option is read with one dash or two, its value after a space or an equals sign", () => {
  for (const flags of [["-p", "9000"], ["-port", "9000"], ["--port", "9000"], ["-p=9000"], ["--port=9000"]]) {
    expect(parseArguments(flags).port).toBe(9000);
  }
  expect(parseArguments(["-user=app:app", "-c", "a=1 -p x"])).toMatchObject({ user: "app:app", command: "a=1 -p x" });
  expect(parseArguments(["--command=first", "-command", "last"]).command).toBe("last");
});

test("without options it serves on 8080 and starts nothing; telemetry is disabled either way", () => {
  const serving = { port: 8080, entrypoint: [], command: null, user: null, question: null };
  const nothing = { ...serving, unpackInto: null, roomBytes: null, lastWins: false };
  expect(parseArguments([])).toEqual(nothing);
  expect(parseArguments(["-disable-telemetry", "--disable-telemetry=true"])).toEqual(nothing);
});

test("help and version are questions, help before version", () => {
  for (const flag of ["-h", "-help", "--help"]) expect(parseArguments([flag, "--version"]).question).toBe("help");
  expect(parseArguments(["--version"]).question).toBe("version");
});

test("what is unknown, lacks its value or makes no sense is named", () => {
  for (const bad of ["--no-such-flag", "x", "--Port", "-", "--constructor"]) {
    expect(() => parseArguments([bad])).toThrow(`unknown argument "${bad}"`);
  }
  expect(() => parseArguments(["--user"])).toThrow("--user takes a value");
  for (const bad of ["http", "-1", "65536", "1.5"]) expect(() => parseArguments(["-p", bad])).toThrow(AppError);
});

test("the entry point is a JSON array of strings", () => {
  expect(parseArguments(["--entrypoint-json", '["/a","b c"]']).entrypoint).toEqual(["/a", "b c"]);
  for (const bad of ["{}", "[1]", "x"]) expect(() => parseArguments(["--entrypoint-json", bad])).toThrow(AppError);
});
