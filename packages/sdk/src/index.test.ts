import { expect, test } from "bun:test";
import { join } from "node:path";

test("a browser can load it: it needs nothing of Node or Bun", async () => {
  const built = await Bun.build({ entrypoints: [join(import.meta.dir, "index.ts")], target: "browser" });
  const source = await built.outputs[0]?.text();
  expect(source).toContain("x-should-retry");
  expect(source).not.toMatch(/\bnode:|\bbun:|require\(|\bBun\./);
});
