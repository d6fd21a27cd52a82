import { expect, test } from "bun:test";
import { parseRange } from "./raw-file.ts";

test("a single range is understood, everything else means the whole file", () => {
  expect(parseRange("bytes=2-4", 10)).toEqual({ from: 2, to: 5 });
  expect(parseRange("bytes=2-", 10)).toEqual({ from: 2, to: 10 });
  expect(parseRange("bytes=-20", 10)).toEqual({ from: 0, to: 10 });
  expect(parseRange("bytes=-0", 10)).toBe("unsatisfiable");
  expect(parseRange("bytes=10-", 10)).toBe("unsatisfiable");
  for (const header of [null, "", "bytes=-", "bytes=4-2", "bytes=0-1,3-4", "items=0-1"]) {
    expect(parseRange(header, 10)).toBeNull();
  }
});
