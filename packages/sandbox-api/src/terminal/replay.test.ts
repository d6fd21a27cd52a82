import { expect, test } from "bun:test";
import { Replay } from "./replay.ts";

const RESET = "\u001b[0m";

test("short output is replayed whole, after a reset of its style", () => {
  const replay = new Replay();
  expect(replay.read()).toBe("");
  replay.push("one\r\n");
  replay.push("two");
  expect(replay.read()).toBe(`${RESET}one\r\ntwo`);
});

test("long output is cut at a line, to its last 100 Ki", () => {
  const replay = new Replay();
  for (let line = 0; line < 100_000; line += 1) replay.push(`line ${line}\r\n`);
  const shown = replay.read();
  expect(shown.length).toBeLessThanOrEqual(100 * 1024 + RESET.length);
  expect(shown.length).toBeGreaterThan(100 * 1024 - 20);
  // oxlint-disable-next-line no-control-regex -- the escape is what it is about
  expect(shown).toMatch(/^\u001b\[0mline \d+\r\n/);
  expect(shown).toEndWith("line 99999\r\n");
});

test("without a line break all of it is kept", () => {
  const replay = new Replay();
  replay.push("x".repeat(300_000));
  expect(replay.read()).toBe(RESET + "x".repeat(100 * 1024));
});

test("questions to the terminal are not asked again, everything else stays", () => {
  const replay = new Replay();
  replay.push(
    "a\u001b[cb\u001b[>0cc\u001b[6nd\u001b]11;?\u0007e\u001b]10;?\u001b\\f\u001b[31mg\u001b]0;title\u0007h\u001b[?25hi",
  );
  expect(replay.read()).toBe(`${RESET}abcdef\u001b[31mg\u001b]0;title\u0007h\u001b[?25hi`);
});
