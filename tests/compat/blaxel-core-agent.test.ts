import { describe, expect, test } from "bun:test";
import { useDormouse } from "../support/suite.ts";
import { seenBy } from "./run-program.ts";

/* The unmodified @blaxel/core under Node, on what the API inside a sandbox does besides processes and files. */
const suite = useDormouse();

describe("fs.find(), grep(), search() and watch()", () => {
  const seen = seenBy(suite, "search");

  test("F141 find() and grep() answer within their bounds, folders of dependencies left out", () => {
    expect(seen()).toMatchObject({
      find: ["src/cart.ts", "src/user-profile.ts"],
      findFolders: [".", "src"],
      findBounded: 1,
      findRefused: 400,
      grep: [
        { path: ".hidden/cart.ts", line: 1, column: 1, text: "TODO hidden" },
        { path: "src/cart.ts", line: 2, column: 4, text: "// TODO hats" },
      ],
      grepNothing: { query: "nowhere", matches: [], total: 0 },
      search: true,
    });
  });

  test("F143 watch() reports changes in the whole tree with their content, ignored folders left out", () => {
    expect(seen()["watch"]).toEqual({ ignored: 0, errors: [] });
  });
});

describe("uploads and downloads", () => {
  const seen = seenBy(suite, "uploads");

  test("F142 what is larger than one request goes up in parts and arrives whole, leaving nothing beside it", () => {
    expect(seen()).toMatchObject({ binary: true, text: true, replaced: `${6 * 2 ** 20}\n`, refused: true });
    expect(String(seen()["left"]).trim().split("\n")).toEqual(["large.bin", "large.txt"]);
  });

  test("F141 download() writes the same bytes to the caller's disk", () => {
    expect(seen()["download"]).toEqual({ same: true, mode: "600" });
  });
});

const TOOLS = `
  codegenCodebaseSearch codegenEditFile codegenFileSearch codegenGrepSearch codegenListDir
  codegenParallelApply codegenReadFileRange codegenReapply codegenRerank
  fsDeleteFileOrDirectory fsEditFile fsGetWorkingDirectory fsListDirectory fsReadFile fsWriteFile
  processExecute processGet processGetLogs processKill processStop processesList
`
  .trim()
  .split(/\s+/);

describe("tools of a sandbox", () => {
  const seen = seenBy(suite, "tools");

  test("F220 F224 getTool() finds every tool, with schemas it can turn into its own", () => {
    expect(seen()["names"]).toEqual(TOOLS);
    expect(seen()["schemas"]).toEqual({ exec: true, wrong: false });
  });

  test("F221 processExecute, processGet, processGetLogs, processesList, processStop and processKill", () => {
    expect(seen()).toMatchObject({
      exec: { status: "completed", exitCode: 0, logs: "from-mcp\n/\n" },
      logs: { logs: "from-mcp\n/\n" },
      get: "job",
      list: ["job"],
      stop: { status: "stopped" },
      kill: expect.stringContaining("not found"),
    });
  });

  test("F222 the tools for files", () => {
    expect(seen()).toMatchObject({
      cwd: "/blaxel",
      edit: { path: "/tmp/app/main.py", occurrencesReplaced: 1 },
      read: "def add(a, b):\n    return a + b\n\n\nprint(add(1, 2))\n",
      listed: ["main.py"],
      delete: { path: "/tmp/app" },
    });
  });

  test("F223 the codegen tools work without a provider's key", () => {
    expect(seen()).toMatchObject({
      codegenEdit: { success: true },
      edited: 'def add(a, b):\n    """The sum of both."""\n    return a + b\n\n\nprint(add(1, 2))\n',
      range: 'def add(a, b):\n    """The sum of both."""',
      codebase: 1,
      fileSearch: true,
      listDir: true,
      reapply: { refused: expect.stringContaining("Cannot apply the edit"), again: true },
      rerank: 1,
    });
  });

  test("codegen.fastapply() and reranking() answer without a key, and say that it was done here", () => {
    expect(seen()["fastapply"]).toMatchObject({ success: true, provider: "local" });
    expect(seen()["reranking"]).toEqual([expect.stringContaining("main.py")]);
  });
});

describe("the newest of the API", () => {
  const seen = seenBy(suite, "agent");

  test("writeStdin() and closeStdin() talk to a process that was started with stdin", () => {
    expect(seen()).toMatchObject({ stdin: { lines: ["<ONE>", "<TWO>", "<THREE>"], after: 409 }, noStdin: 409 });
  });

  test("F040 R-16 R-23 D-22 system.upgrade() replaces the API under running processes, and asks no address it is given", () => {
    expect(seen()).toMatchObject({
      upgradeAnswer: { message: expect.any(String) },
      upgrade: { samePid: true, status: "running", keepAlive: true },
      ticks: ["tick 1", "tick 2", "tick 3", "tick 4", "tick 5"],
      killed: "killed",
    });
  });
});
