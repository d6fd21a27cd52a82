import { afterAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startMcpAgent } from "../testing/clients.ts";

const mcp = await startMcpAgent();
afterAll(() => mcp[Symbol.asyncDispose]());

const at = (name: string) => join(mcp.agent.folder, name);
const textOf = (name: string) => readFileSync(at(name), "utf8");

const ORIGINAL = "function a() {\n  return 1;\n}\n\nfunction b() {\n  return 2;\n}\n";
const SKETCH = "// ... existing code ...\nfunction b() {\n  return 3;\n}\n";

test("codegenEditFile applies a sketch without a key, and says so (F223)", async () => {
  writeFileSync(at("edit.ts"), ORIGINAL);
  const input = { targetFile: "edit.ts", instructions: "I return three.", codeEdit: SKETCH };
  const { output } = await mcp.call("codegenEditFile", input);
  expect(output).toEqual({
    success: true,
    message: expect.stringContaining("locally"),
    filePath: "edit.ts",
    changesApplied: SKETCH,
    provider: "local",
  });
  expect(textOf("edit.ts")).toBe(ORIGINAL.replace("return 2", "return 3"));
});

test("codegenEditFile makes a file that is not there, and refuses a directory", async () => {
  const input = { instructions: "I write it.", codeEdit: "const a = 1;\n" };
  await mcp.call("codegenEditFile", { ...input, targetFile: "new/file.ts" });
  expect(textOf("new/file.ts")).toBe("const a = 1;\n");
  const refused = await mcp.call("codegenEditFile", { ...input, targetFile: "new" });
  expect(refused.isError).toBe(true);
  expect(refused.text).toStartWith("failed to apply edit: ");
});

test("codegenReapply tries the last edit of a file again, also one that failed (F223)", async () => {
  writeFileSync(at("again.ts"), "something else entirely\nand more of it\nthan one line\n");
  const input = { targetFile: "again.ts", instructions: "I return three.", codeEdit: SKETCH };
  expect((await mcp.call("codegenEditFile", input)).isError).toBe(true);
  writeFileSync(at("again.ts"), ORIGINAL);
  const { output } = await mcp.call("codegenReapply", { targetFile: "again.ts" });
  expect(output).toMatchObject({ success: true, provider: "local" });
  expect(textOf("again.ts")).toContain("return 3");
  const unknown = await mcp.call("codegenReapply", { targetFile: "never.ts" });
  expect(unknown).toMatchObject({ isError: true });
});

test("codegenParallelApply edits each place on its own, and says which failed (F223)", async () => {
  writeFileSync(at("one.ts"), ORIGINAL);
  writeFileSync(at("two.ts"), ORIGINAL);
  const regions = ["one.ts", "../outside.ts", "two.ts"].map((relativeWorkspacePath) => {
    return { relativeWorkspacePath, startLine: null, endLine: null };
  });
  const { output } = await mcp.call("codegenParallelApply", { editPlan: SKETCH, editRegions: regions });
  const results = output["results"] as { path: string; success: boolean; message: string }[];
  expect(results.map(({ path, success }) => [path, success])).toEqual([
    ["one.ts", true],
    ["../outside.ts", false],
    ["two.ts", true],
  ]);
  expect([output["success"], output["message"]]).toEqual([false, "Edited 2 of 3 regions"]);
  expect([textOf("one.ts"), textOf("two.ts")]).toEqual([textOf("edit.ts"), textOf("edit.ts")]);
  expect(existsSync(at("../outside.ts"))).toBe(false);
});

test("codegenRerank ranks files by words without a key, and says so", async () => {
  writeFileSync(at("lease.ts"), "export function renewLease() { return lease; }\n");
  const input = { path: ".", query: "renew the lease", scoreThreshold: 0.1, filePattern: "\\.ts$" };
  const { output } = await mcp.call("codegenRerank", input);
  const [best] = output["files"] as { path: string; content: string }[];
  expect(best?.path).toBe("lease.ts");
  expect(best?.content).toContain("renewLease");
  expect(output).toMatchObject({ success: true, provider: "local" });
  expect((await mcp.call("codegenRerank", { path: "none", query: "x" })).isError).toBe(true);
});
