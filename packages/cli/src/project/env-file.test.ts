import { expect, test } from "bun:test";
import { parseEnvFile } from "./env-file.ts";

test("comments, quotes, empty values, export and values over several lines", () => {
  const source = [
    "# a comment",
    "",
    "A=1",
    "export B = two words # said",
    "EMPTY=",
    'QUOTED="a # b\\n\\"c\\""',
    "SINGLE='as $it is'",
    "URL=http://x/#top",
    'KEY="-----BEGIN',
    'END-----" # a key',
    "LAST=x",
  ].join("\r\n");
  expect(parseEnvFile(source, ".env")).toEqual({
    A: "1",
    B: "two words",
    EMPTY: "",
    QUOTED: 'a # b\n"c"',
    SINGLE: "as $it is",
    URL: "http://x/#top",
    KEY: "-----BEGIN\nEND-----",
    LAST: "x",
  });
});

test.each([
  ["A=1\n\nnonsense s3cret\n", 3],
  ["=1", 1],
  ["A=1\n2B=x", 2],
])("a line that is no variable is named by its number and not shown: %p", (source, line) => {
  expect(() => parseEnvFile(source, ".env.build")).toThrow(`Cannot read .env.build: line ${line} is not NAME=value`);
});
