import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFileRange } from "./read-file-range.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "range-test-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const NEVER = new AbortController().signal;

function rangeOf(content: string | Uint8Array, first: number, last: number, signal = NEVER): Promise<string> {
  const absolute = join(folder, "file");
  writeFileSync(absolute, content);
  return readFileRange({ absolute, shown: "file" }, { first, last }, signal);
}

const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}`);

test("gives exactly the lines that an editor would show there", async () => {
  const texts = ["", "\n", "a", "a\n", "a\nb", "a\nb\n", "\n\n\n", "a\r\nb\r\n", "ü\n\nö"];
  for (const text of texts) {
    const expected = text.split("\n");
    for (let first = 1; first <= expected.length; first += 1) {
      for (let last = first; last <= expected.length; last += 1) {
        expect(await rangeOf(text, first, last)).toBe(expected.slice(first - 1, last).join("\n"));
      }
    }
  }
});

test("lines and characters may lie across the chunks it reads", async () => {
  const text = Array.from({ length: 60_000 }, (_, index) => `${index} ${"ü".repeat(index % 37)}`);
  for (const first of [1, 9_000, 30_001, 59_751]) {
    expect(await rangeOf(text.join("\n"), first, first + 249)).toBe(text.slice(first - 1, first + 249).join("\n"));
  }
});

test("a range that is none, too long or outside the file is refused in words (D-16)", async () => {
  const text = lines(10).join("\n");
  const refusals: [first: number, last: number, text: string][] = [
    [0, 5, "the first line is 1"],
    [5, 4, "line 4 comes before line 5"],
    [1, 251, "at most 250 lines"],
    [5, 11, "file has 10 lines"],
    [900, 901, "file has 10 lines"],
  ];
  for (const [first, last, reason] of refusals) {
    expect(rangeOf(text, first, last)).rejects.toThrow(`invalid line range: `);
    expect(rangeOf(text, first, last)).rejects.toThrow(reason);
  }
});

test("250 lines can be read at once", async () => {
  expect((await rangeOf(lines(300).join("\n"), 51, 300)).split("\n")).toHaveLength(250);
});

test("lines that are too long for one message are refused", async () => {
  expect(rangeOf("x".repeat(5 * 1024 * 1024), 1, 1)).rejects.toThrow("read fewer lines");
});

test("the end of a large file is found without the file being held", async () => {
  const absolute = join(folder, "large");
  const block = `${"x".repeat(99)}\n`.repeat(10_000);
  const file = Bun.file(absolute).writer();
  for (let count = 0; count < 200; count += 1) void file.write(block);
  await file.end();
  const before = process.memoryUsage.rss();
  const text = await readFileRange({ absolute, shown: "large" }, { first: 1_999_999, last: 2_000_000 }, NEVER);
  expect(text).toBe(`${"x".repeat(99)}\n${"x".repeat(99)}`);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
});

test("stops when nobody waits any more", async () => {
  expect(rangeOf(lines(10).join("\n"), 1, 2, AbortSignal.abort())).rejects.toThrow();
});
