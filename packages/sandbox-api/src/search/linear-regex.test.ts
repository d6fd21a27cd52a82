import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { linearRegex } from "./linear-regex.ts";

const find = async (pattern: string, line: string, isCaseSensitive = true) =>
  (await linearRegex(pattern, isCaseSensitive)).find(line, 0);
const reasonOf = async (pattern: string): Promise<string> => {
  try {
    await linearRegex(pattern, true);
  } catch (error) {
    if (error instanceof AppError && error.code === "INVALID_ARGUMENT") return error.message;
    throw error;
  }
  return "";
};

test("patterns of everyday searches are found where they start", async () => {
  const line = 'export async function loadUser(id: string): Promise<User> { return fetch("/users/" + id); }';
  const cases: [string, number][] = [
    ["function\\s+\\w+", line.indexOf("function")],
    ["^export", 0],
    ["}$", line.length - 1],
    ["\\bid\\b", line.indexOf("id")],
    ["(?i)LOADUSER", line.indexOf("loadUser")],
    ["(?i:LOAD)User", line.indexOf("loadUser")],
    ['fetch\\(\\"[^\\"]+\\"', line.indexOf("fetch")],
    ["Promise<(?<inner>[A-Z]\\w*)>", line.indexOf("Promise")],
    ["Promise<(?P<inner>User|Group)>", line.indexOf("Promise")],
    ["[[:upper:]][[:alpha:]]{3}", line.indexOf("User")],
    ["nothing|return", line.indexOf("return")],
    ["x*", 0],
    ["\\p{Lu}ser\\W", line.indexOf("User(")],
    ["\\x7b", line.indexOf("{")],
    ["LOADUSER", -1],
    ["import .* from", -1],
  ];
  for (const [pattern, index] of cases) expect([pattern, await find(pattern, line)]).toEqual([pattern, index]);
  expect(await find("LOADUSER", line, false)).toBe(line.indexOf("loadUser"));
});

test("lines are searched one by one: anchors mean their ends, and no hit crosses them", async () => {
  const text = "one\r\ntwo\nthree";
  expect(await find("e$", text)).toBe(2);
  expect(await find("^t", text)).toBe(5);
  expect(await find("o\\s+t", text)).toBe(-1);
  expect(await find("e[^x]t", text)).toBe(-1);
  expect((await linearRegex("^", true)).find(text, 9)).toBe(9);
});

test("what makes a backtracking engine hang takes time in proportion to the line", async () => {
  const line = "a".repeat(20_000);
  const startedAtMs = performance.now();
  for (const pattern of ["(a+)+b", "(a|aa)+$x", ".*.*.*.*x", "(a*)*b", "a?".repeat(30) + "a{30}b"]) {
    expect([pattern, await find(pattern, line)]).toEqual([pattern, -1]);
  }
  expect(performance.now() - startedAtMs).toBeLessThan(2000);
});

test("a pattern it cannot use is refused with the reason", async () => {
  const bad = ["(a", "a)", "[a", "*a", "a\\", "[z-a]", "(a)\\1", "(?=a)", "(?<!a)", "a{1001}", "(".repeat(5000)];
  for (const pattern of bad)
    expect(await reasonOf(pattern)).toStartWith("Cannot search with this regular expression: ");
});
