import { expect, test } from "bun:test";
import { LinePrefixer } from "./line-prefixer.ts";

const bytes = (text: string) => Buffer.from(text);

test("each complete line gets its prefix once, wherever it was cut", () => {
  const prefixer = new LinePrefixer();
  const pieces = ["one\ntw", "o\nthr", "ee", "\n\n"];
  const out = pieces.map((piece) => prefixer.push("stdout", bytes(piece)).toString()).join("");
  expect(out).toBe("stdout:one\nstdout:two\nstdout:three\nstdout:\n");
  expect(prefixer.isHolding).toBe(false);
});

test("a begun line that was let go continues without a prefix, or anew after the other stream", () => {
  const prefixer = new LinePrefixer();
  const out = [prefixer.push("stdout", bytes("a")), prefixer.flush(), prefixer.push("stdout", bytes("b\n"))];
  expect(Buffer.concat(out).toString()).toBe("stdout:ab\n");
  const cut = [prefixer.push("stdout", bytes("a")), prefixer.flush(), prefixer.push("stderr", bytes("e\n"))];
  expect(Buffer.concat([...cut, prefixer.push("stdout", bytes("b\n"))]).toString()).toBe(
    "stdout:a\nstderr:e\nstdout:b\n",
  );
});

test("a line that grows too long is let go instead of held", () => {
  const prefixer = new LinePrefixer();
  expect(prefixer.push("stderr", Buffer.alloc(70_000, "x")).length).toBe(70_007);
  expect(prefixer.push("stderr", bytes("\n")).toString()).toBe("\n");
});
