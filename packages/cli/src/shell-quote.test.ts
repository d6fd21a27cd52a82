import { expect, test } from "bun:test";
import { quoteCommand } from "./shell-quote.ts";

test("a shell gives a quoted command line exactly its words", async () => {
  const words = ["plain", "a b", "it's", '"$HOME"', "", "*", "new\nline", "\\", "-x=1"];
  const child = Bun.spawn(["sh", "-c", `printf '%s\\0' ${quoteCommand(words)}`]);
  expect((await child.stdout.text()).split("\0").slice(0, -1)).toEqual(words);
});
