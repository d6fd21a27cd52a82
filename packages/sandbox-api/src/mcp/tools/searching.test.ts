import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startMcpAgent } from "../testing/clients.ts";

const mcp = await startMcpAgent();
afterAll(() => mcp[Symbol.asyncDispose]());

const at = (name: string) => join(mcp.agent.folder, name);

beforeAll(() => {
  mkdirSync(at("src/net"), { recursive: true });
  writeFileSync(at("src/net/retry-policy.ts"), "export function retryWithBackoff() {\n  // wait, then retry\n}\n");
  writeFileSync(at("src/main.ts"), "import './net';\nconst Über = 'RETRY';\n");
  writeFileSync(at("notes.md"), "nothing here\n");
});

interface GrepEvent {
  readonly type: string;
  readonly data: { readonly path: { text: string }; readonly line_number?: number; readonly lines?: { text: string } };
}

async function grep(input: Record<string, unknown>): Promise<GrepEvent[]> {
  const { output, isError, text } = await mcp.call("codegenGrepSearch", input);
  if (isError) throw new Error(text);
  const lines = String(output["results"])
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as GrepEvent);
}

test("codegenFileSearch finds files by a part of their path, as absolute paths", async () => {
  const { output } = await mcp.call("codegenFileSearch", { query: "retrpol" });
  expect(output).toEqual({ success: true, matches: [at("src/net/retry-policy.ts")], query: "retrpol" });
  const none = await mcp.call("codegenFileSearch", { query: "zzzz", directory: "./src" });
  expect(none.output).toEqual({ success: true, matches: [], query: "zzzz" });
});

test("codegenFileSearch stays inside the working directory", async () => {
  const { isError, text } = await mcp.call("codegenFileSearch", { query: "a", directory: "../.." });
  expect(isError).toBe(true);
  expect(text).toContain("must be within the working directory");
});

test("codegenGrepSearch gives what ripgrep --json prints, file by file (D-16)", async () => {
  const events = await grep({ query: "retr[y]" });
  expect(events.map(({ type, data }) => [type, data.path.text, data.line_number])).toEqual([
    ["begin", "src/main.ts", undefined],
    ["match", "src/main.ts", 2],
    ["end", "src/main.ts", undefined],
    ["begin", "src/net/retry-policy.ts", undefined],
    ["match", "src/net/retry-policy.ts", 1],
    ["match", "src/net/retry-policy.ts", 2],
    ["end", "src/net/retry-policy.ts", undefined],
  ]);
  expect(events[4]?.data).toEqual({
    path: { text: "src/net/retry-policy.ts" },
    lines: { text: "export function retryWithBackoff() {\n" },
    line_number: 1,
    submatches: [{ match: { text: "" }, start: 16, end: 16 }],
  } as GrepEvent["data"]);
});

test("codegenGrepSearch heeds case and the patterns of files", async () => {
  expect(await grep({ query: "RETRY", caseSensitive: true })).toHaveLength(3);
  expect(await grep({ query: "retry", includePattern: "retry-*" })).toHaveLength(4);
  expect(await grep({ query: "retry", excludePattern: "*.ts" })).toEqual([]);
});

test("codegenGrepSearch without a match is a success, a bad expression an error (D-16)", async () => {
  const { output } = await mcp.call("codegenGrepSearch", { query: "zzzz" });
  expect(output).toEqual({ success: true, results: "", matchCount: 0, isTruncated: false });
  expect((await mcp.call("codegenGrepSearch", { query: "(" })).isError).toBe(true);
});

test("codegenCodebaseSearch ranks parts of files by words, and says so", async () => {
  const { output } = await mcp.call("codegenCodebaseSearch", { query: "how does retry with backoff wait?" });
  const [best] = output["results"] as Record<string, unknown>[];
  expect(best?.["path"]).toBe("src/net/retry-policy.ts");
  expect(best?.["content"]).toContain("retryWithBackoff");
  expect(output["ranking"]).toBe("lexical");
  const elsewhere = await mcp.call("codegenCodebaseSearch", { query: "nothing", targetDirectories: ["src/net"] });
  expect(elsewhere.output["results"]).toEqual([]);
});
