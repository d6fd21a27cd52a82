import { expect, test } from "bun:test";
import { parsePlace, targetPath } from "./place.ts";

test.each([
  ["box:/tmp/x", { sandbox: "box", path: "/tmp/x" }],
  ["box:relative", { sandbox: "box", path: "relative" }],
  ["box:", { sandbox: "box", path: "." }],
  ["./box:x", { sandbox: undefined, path: "./box:x" }],
  ["/a/b:c", { sandbox: undefined, path: "/a/b:c" }],
])("%s", (text, place) => {
  expect(parsePlace(text)).toEqual(place);
});

test.each([
  ["a/b", "/x", false, "/x"],
  ["a/b", "/x", true, "/x/b"],
  ["a/b/", "/x/", false, "/x/b"],
  ["a/b/.", "/x", true, "/x"],
  [".", "/x", true, "/x"],
  ["b", "/", true, "/b"],
])("%s to %s, a folder that is there: %p", (from, to, isFolder, path) => {
  expect(targetPath(from, to, isFolder)).toBe(path);
});
