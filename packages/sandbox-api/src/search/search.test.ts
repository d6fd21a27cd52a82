import { describe, expect, test } from "bun:test";
import type { ContentSearchResponse, FindResponse, FuzzySearchResponse } from "@dormouse/schema";
import { linkSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { getRaw, startTestAgent, type TestAgent, until } from "../testing/agent.ts";

type Parameters = Readonly<Record<string, string>>;

async function ask<T>(agent: TestAgent, route: string, parameters: Parameters = {}): Promise<T> {
  const response = await agent.request(`/filesystem-${route}?${new URLSearchParams(parameters).toString()}`);
  if (response.status !== 200) throw new Error(`${route} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
const status = async (agent: TestAgent, route: string) => (await agent.request(`/filesystem-${route}`)).status;
const find = async (agent: TestAgent, parameters?: Parameters, path = "find") =>
  (await ask<FindResponse>(agent, path, parameters)).matches.map((match) => match.path);
const fuzzy = async (agent: TestAgent, parameters?: Parameters, path = "search") =>
  (await ask<FuzzySearchResponse>(agent, path, parameters)).matches.map((match) => match.path);
const grep = async (agent: TestAgent, parameters?: Parameters, path = "content-search") =>
  (await ask<ContentSearchResponse>(agent, path, parameters)).matches;

function writeTree(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** An agent whose folder holds these files. */
function startAgentWith(files: Readonly<Record<string, string | Buffer>>): TestAgent {
  const agent = startTestAgent();
  writeTree(agent.folder, files);
  return agent;
}

describe("/filesystem-find", () => {
  test("finds files below the directory, in byte order, hidden ones and folders of dependencies left out (R-37)", async () => {
    await using agent = startAgentWith({
      "b/two.ts": "",
      "B.ts": "",
      "a.md": "",
      ".env": "",
      ".cache/x": "",
      "node_modules/x/index.js": "",
      "b/dist/x.js": "",
    });
    symlinkSync("/etc", join(agent.folder, "link"));
    expect(await ask(agent, "find")).toEqual({
      matches: ["B.ts", "a.md", "b/two.ts", "link"].map((path) => ({ path, type: "file" })),
      total: 4,
    });
    expect(await find(agent, { type: "directory" })).toEqual([".", "b"]);
    expect(await find(agent, { excludeHidden: "false" })).toEqual([
      ".cache/x",
      ".env",
      "B.ts",
      "a.md",
      "b/two.ts",
      "link",
    ]);
    expect(await find(agent, { excludeDirs: "b, other" })).toEqual(["B.ts", "a.md", "link", "node_modules/x/index.js"]);
  });

  test("patterns are a comma list of globs on the base name, whose braces keep their commas (R-37)", async () => {
    await using agent = startAgentWith({ "a.ts": "", "sub/b.tsx": "", "c.js": "", "sub/d.md": "", "[e].ts": "" });
    expect(await find(agent, { patterns: "*.{ts,tsx}" })).toEqual(["[e].ts", "a.ts", "sub/b.tsx"]);
    expect(await find(agent, { patterns: " *.js, d.*" })).toEqual(["c.js", "sub/d.md"]);
    expect(await find(agent, { patterns: "sub/*" })).toEqual(["sub/b.tsx", "sub/d.md"]);
    expect(await find(agent, { patterns: "[" })).toEqual([]);
    expect(await find(agent, { patterns: "*.rs" })).toEqual([]);
    expect(await find(agent, { patterns: "*.ts", type: "directory" })).toEqual([".", "sub"]);
  });

  test("maxResults bounds the answer, 0 means all, and what is no count is refused (R-37)", async () => {
    await using agent = startTestAgent();
    writeTree(agent.folder, Object.fromEntries(Array.from({ length: 1100 }, (_, index) => [`f${index}`, ""])));
    const counts = ["", "7", "0", "5000"].map(async (maxResults) => (await find(agent, { maxResults })).length);
    expect(await Promise.all(counts)).toEqual([20, 7, 1100, 1000]);
    for (const wrong of ["-1", "NaN", "1.5", "x"]) {
      expect((await getRaw(agent, `/filesystem-find?maxResults=${wrong}`)).body).toBe(
        JSON.stringify({ error: `invalid maxResults: ${wrong}` }),
      );
    }
    expect(await status(agent, "find?type=socket")).toBe(400);
  });

  test("the root's own name never leaves it out (D-15)", async () => {
    await using agent = startAgentWith({ "node_modules/x/a.js": "hit", ".git/b.js": "hit" });
    expect(await find(agent, {}, "find/node_modules")).toEqual(["x/a.js"]);
    expect(await find(agent, {}, "find/.git")).toEqual(["b.js"]);
    expect((await grep(agent, { query: "hit" }, "content-search/.git")).length).toBe(1);
  });

  test("both spellings of a path, nothing after the route, and a root that is a file or is missing", async () => {
    await using agent = startAgentWith({ "sub/a.txt": "" });
    const absolute = encodeURIComponent(join(agent.folder, "sub"));
    for (const path of [`/${absolute}`, absolute, `/${agent.folder}/sub`, "/sub"]) {
      expect([path, (await getRaw(agent, `/filesystem-find${path}`)).body]).toEqual([
        path,
        '{"matches":[{"path":"a.txt","type":"file"}],"total":1}',
      ]);
    }
    for (const path of ["find", "find/"]) expect(await find(agent, {}, path)).toEqual(["sub/a.txt"]);
    expect(await find(agent, {}, "find/sub/a.txt")).toEqual(["a.txt"]);
    const missing = await getRaw(agent, "/filesystem-find/nowhere");
    expect(missing.status).toBe(404);
    expect(missing.body).toContain("no such file or directory");
  });
});

describe("/filesystem-search", () => {
  const FILES = {
    "src/user-profile.ts": "",
    "src/UserProfileCard.tsx": "",
    "docs/unusual/surprise/profound/file.md": "",
    "README.md": "",
    "src/server/index.ts": "",
  };

  test("searches for the query, best first (D-03)", async () => {
    await using agent = startAgentWith(FILES);
    const { matches, total } = await ask<FuzzySearchResponse>(agent, "search", { query: "usrprof" });
    expect(matches.map(({ path }) => path)).toEqual([
      "src/UserProfileCard.tsx",
      "src/user-profile.ts",
      "docs/unusual/surprise/profound",
      "docs/unusual/surprise/profound/file.md",
    ]);
    expect(total).toBe(4);
    expect(matches.map(({ score }) => score)).toEqual(matches.map(({ score }) => score).toSorted((a, b) => b - a));
    expect(await fuzzy(agent, { query: "readme" })).toEqual(["README.md"]);
    expect(await fuzzy(agent, { query: "index server" })).toEqual(["src/server/index.ts"]);
    expect(await fuzzy(agent, { query: "server" })).toEqual(["src/server", "src/server/index.ts"]);
    expect(await fuzzy(agent, { query: "usrprof", maxResults: "1" })).toEqual(["src/UserProfileCard.tsx"]);
    expect(await fuzzy(agent, { query: "usrprof", patterns: "*.tsx,*.md" })).toEqual([
      "src/UserProfileCard.tsx",
      "docs/unusual/surprise/profound/file.md",
    ]);
  });

  test("without a query the path is the query, in what exists of it (D-03)", async () => {
    await using agent = startAgentWith(FILES);
    expect(await fuzzy(agent, {}, "search/src/usrcard")).toEqual(["UserProfileCard.tsx"]);
    expect(await fuzzy(agent, {}, "search/src/server")).toEqual([]);
    expect(await status(agent, "search")).toBe(400);
    expect(await status(agent, "search/")).toBe(400);
  });
});

describe("/filesystem-content-search", () => {
  test("finds the first hit of each line, with line, byte column and text", async () => {
    await using agent = startAgentWith({
      "b.ts": "one\r\nééTODO todo\r\n",
      "a.ts": "todo",
      ".env": "X=todo",
      "c.md": "no\n\nodd TODO",
    });
    expect(await ask(agent, "content-search", { query: "todo" })).toEqual({
      query: "todo",
      matches: [
        { path: ".env", line: 1, column: 3, text: "X=todo" },
        { path: "a.ts", line: 1, column: 1, text: "todo" },
        { path: "b.ts", line: 2, column: 5, text: "ééTODO todo" },
        { path: "c.md", line: 3, column: 5, text: "odd TODO" },
      ],
      total: 4,
    });
    expect((await grep(agent, { query: "TODO", caseSensitive: "true" })).map(({ path }) => path)).toEqual([
      "b.ts",
      "c.md",
    ]);
    expect((await grep(agent, { query: "todo", filePattern: "*.{ts,md}" })).map(({ path }) => path)).toEqual([
      "a.ts",
      "b.ts",
      "c.md",
    ]);
    expect((await grep(agent, { query: "todo" }, "content-search/a.ts")).map(({ path }) => path)).toEqual(["a.ts"]);
    expect(await ask(agent, "content-search", { query: "nowhere" })).toEqual({
      query: "nowhere",
      matches: [],
      total: 0,
    });
    expect(await ask(agent, "content-search", { query: "a.b*(" })).toMatchObject({ total: 0 });
    expect(await status(agent, "content-search")).toBe(400);
    expect(await status(agent, "content-search/nowhere?query=x")).toBe(404);
    expect(await status(agent, "content-search?query=x&contextLines=-1")).toBe(400);
  });

  test("far more hits than maxResults answer at once, and 0 means all of them (D-02)", async () => {
    await using agent = startTestAgent();
    const lines = "hit\n".repeat(500);
    writeTree(agent.folder, Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${index}`, lines])));
    expect((await grep(agent, { query: "hit" })).length).toBe(100);
    expect((await grep(agent, { query: "hit", maxResults: "1" })).length).toBe(1);
    expect((await grep(agent, { query: "hit", maxResults: "99999" })).length).toBe(1000);
    expect((await grep(agent, { query: "hit", maxResults: "0" })).length).toBe(15_000);
  });

  test("contextLines puts the lines around the hit into its context (D-02)", async () => {
    await using agent = startAgentWith({ "a.txt": "1\n2\nhit\n4\n5\n6\nhit" });
    expect(await grep(agent, { query: "hit", contextLines: "2" })).toEqual([
      { path: "a.txt", line: 3, column: 1, text: "hit", context: "1\n2\nhit\n4\n5" },
      { path: "a.txt", line: 7, column: 1, text: "hit", context: "5\n6\nhit" },
    ]);
  });

  test("leaves out binary files and pipes, and cuts very long lines around the hit", async () => {
    await using agent = startAgentWith({
      binary: Buffer.from("hit\0hit"),
      "late-binary": Buffer.from(`${"x".repeat(9000)}\0hit`),
      "long.js": `${"a".repeat(700_000)}hit${"b".repeat(300_000)}\nhit`,
      "not-utf8": Buffer.from([0xff, 0xfe, 0x68, 0x69, 0x74]),
    });
    await agent.exec({ command: "mkfifo pipe", waitForCompletion: true });
    const matches = await grep(agent, { query: "hit" });
    expect(matches.map(({ path, line, column }) => [path, line, column])).toEqual([
      ["late-binary", 1, 9002],
      ["long.js", 1, 700_001],
      ["long.js", 2, 1],
      ["not-utf8", 1, expect.any(Number)],
    ]);
    const text = matches[1]?.text ?? "";
    expect(text).toMatch(/^…a+hitb+…$/);
    expect(text.length).toBe(1002);
  });

  test("an answer stays bounded when every line is long", async () => {
    await using agent = startTestAgent();
    const line = `hit${"x".repeat(1500)}\n`;
    for (let index = 0; index < 4; index++) writeFileSync(join(agent.folder, `f${index}`), line.repeat(4000));
    const body = await (
      await agent.request("/filesystem-content-search?query=hit&maxResults=0&contextLines=50")
    ).text();
    expect(body.length).toBeLessThan(6 * 2 ** 20);
  });

  test("a client that leaves ends its search", async () => {
    await using agent = startTestAgent();
    const first = join(agent.folder, "0");
    writeFileSync(first, "no such thing in here\n".repeat(400_000));
    // Some 20 GB to read, which would take longer than the test waits.
    for (let index = 1; index < 2500; index++) linkSync(first, join(agent.folder, String(index)));
    const isReading = () => descriptorTargets().some((target) => target.startsWith(agent.folder));
    const left = new AbortController();
    const answer = agent.request("/filesystem-content-search?query=Zebra", { signal: left.signal }).catch(() => "left");
    await until(isReading);
    left.abort();
    expect(await answer).toBe("left");
    await until(async () => {
      // Between two files none is open.
      if (isReading()) return false;
      await Bun.sleep(20);
      return !isReading();
    });
  });
});

function descriptorTargets(): string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      return [];
    }
  });
}
