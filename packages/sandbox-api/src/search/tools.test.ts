import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { grepRegex, type GrepRegexOptions } from "./grep-regex.ts";
import { rankFiles } from "./rank-files.ts";
import { searchFileNames } from "./rank-names.ts";
import { rankSnippets } from "./rank-snippets.ts";

const signal = new AbortController().signal;

function temporaryTree(files: Readonly<Record<string, string>>): Disposable & { readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), "search-test-"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

const PROJECT = {
  "src/auth/session.ts": `${"// filler\n".repeat(60)}export function createSession(user: User) {\n  return signSessionToken(user);\n}\n`,
  "src/auth/login.ts": "import { User } from './user';\nexport function login(user: User) {}\n",
  "src/cart/total.ts": "export const cartTotal = (items: Item[]) => items.length;\n",
  "docs/guide.md": "# Guide\nHow carts are totalled.\n",
  "node_modules/x/session.js": "session session session createSession\n",
};

test("searchFileNames() gives absolute paths of files, best first", async () => {
  using tree = temporaryTree(PROJECT);
  expect(await searchFileNames(tree.root, "sess", { limit: 5, signal })).toEqual([
    join(tree.root, "src/auth/session.ts"),
  ]);
  expect(await searchFileNames(tree.root, "auth ts", { limit: 1, signal })).toEqual([
    join(tree.root, "src/auth/login.ts"),
  ]);
  expect(await searchFileNames(tree.root, "zzz", { limit: 5, signal })).toEqual([]);
});

test("grepRegex() finds lines in the files its patterns name", async () => {
  using tree = temporaryTree(PROJECT);
  const grep = (options: Partial<GrepRegexOptions>) =>
    grepRegex(tree.root, { pattern: "createSESSION\\b", isCaseSensitive: false, maxMatches: 10, signal, ...options });
  const match = {
    path: "src/auth/session.ts",
    line: 61,
    column: 17,
    text: "export function createSession(user: User) {",
  };
  expect(await grep({ excludePattern: "login.*" })).toEqual({ matches: [match], isTruncated: false });
  expect((await grep({ includePattern: "src/**/*.{ts,md}" })).matches.map(({ path }) => path)).toEqual([
    "src/auth/session.ts",
  ]);
  expect(await grep({ isCaseSensitive: true })).toEqual({ matches: [], isTruncated: false });
  expect(await grep({ pattern: "export", maxMatches: 2 })).toMatchObject({ matches: [{}, {}], isTruncated: true });
  expect(await grep({ pattern: "export", maxMatches: 3 })).toMatchObject({ matches: [{}, {}, {}], isTruncated: false });
});

test("grepRegex() refuses a bad pattern with the reason, and stops when it is told to", async () => {
  using tree = temporaryTree(PROJECT);
  const bad = grepRegex(tree.root, { pattern: "(", isCaseSensitive: true, maxMatches: 1, signal });
  await expect(bad).rejects.toThrow(AppError);
  await expect(bad).rejects.toThrow("Cannot search with this regular expression");
  const stopped = grepRegex(tree.root, {
    pattern: "x",
    isCaseSensitive: true,
    maxMatches: 1,
    signal: AbortSignal.abort(),
  });
  expect(await stopped).toEqual({ matches: [], isTruncated: true });
});

test("grepRegex() keeps the agent free while it searches for what makes other engines hang", async () => {
  using tree = temporaryTree({ "a.txt": `${"a".repeat(5_000)}\n`.repeat(200) });
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  const found = await grepRegex(tree.root, { pattern: "(a+)+(a+)+$b", isCaseSensitive: true, maxMatches: 1, signal });
  clearInterval(timer);
  expect(found).toEqual({ matches: [], isTruncated: false });
  expect(turns).toBeGreaterThan(1);
});

test("rankSnippets() gives the lines that share most words with a question, however they are spelled", async () => {
  using tree = temporaryTree(PROJECT);
  const snippets = await rankSnippets(tree.root, {
    query: "Where are the sessions of users created?",
    limit: 2,
    signal,
  });
  expect(snippets.map(({ path, startLine, endLine }) => [path, startLine, endLine])).toEqual([
    ["src/auth/session.ts", 41, 63],
    ["src/auth/login.ts", 1, 2],
  ]);
  expect(snippets[0]?.content).toContain("export function createSession");
  for (const { score } of snippets) expect(score > 0 && score <= 1).toBe(true);
  const within = await rankSnippets(tree.root, {
    query: "cart",
    directories: ["docs", "src", "src/cart"],
    limit: 9,
    signal,
  });
  expect(within.map(({ path }) => path).toSorted()).toEqual(["docs/guide.md", "src/cart/total.ts"]);
  expect(await rankSnippets(tree.root, { query: "zebra", limit: 2, signal })).toEqual([]);
  await expect(rankSnippets(tree.root, { query: "x", directories: ["gone"], limit: 1, signal })).rejects.toThrow(
    AppError,
  );
});

test("rankFiles() gives whole files above the threshold, as far as the tokens reach", async () => {
  using tree = temporaryTree(PROJECT);
  const options = { query: "create session for user", scoreThreshold: 0, tokenLimit: 30_000, signal };
  const files = await rankFiles(tree.root, options);
  expect(files.map(({ path }) => path)).toEqual(["src/auth/session.ts", "src/auth/login.ts"]);
  expect(files[0]?.content).toBe(PROJECT["src/auth/session.ts"]);
  expect((await rankFiles(tree.root, { ...options, scoreThreshold: 1 })).length).toBe(0);
  const named = await rankFiles(tree.root, { ...options, filePattern: /^login\./g });
  expect(named.map(({ path }) => path)).toEqual(["src/auth/login.ts"]);
  const cut = await rankFiles(tree.root, { ...options, tokenLimit: 6 });
  expect(cut).toMatchObject([{ path: "src/auth/session.ts", content: "// filler\n// filler\n" }]);
});
