import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { AGENT_ROWS } from "./agent-rows.ts";
import { REQUIREMENTS } from "./requirements.ts";

const ROOT = resolve(import.meta.dir, "..");
const OURSELVES = "tests/requirements.test.ts";

/** Id of a requirement → files of tests and compatibility programs that cite it. */
function readCitations(pattern: RegExp): ReadonlyMap<string, readonly string[]> {
  const files = ["{packages,apps,tests}/**/*.test.ts", "tests/compat/programs/**/*.{mjs,py}"]
    .flatMap((glob) => [...new Bun.Glob(glob).scanSync({ cwd: ROOT })])
    .filter((file) => !file.includes("node_modules") && file !== OURSELVES);
  const citations = new Map<string, string[]>();
  for (const file of files) {
    const ids = readFileSync(resolve(ROOT, file), "utf8").match(pattern) ?? [];
    for (const id of new Set(ids)) citations.set(id, [...(citations.get(id) ?? []), file]);
  }
  return citations;
}

const FEATURES = readCitations(/\bF\d{3}\b/g);
const AGENT_CITATIONS = readCitations(/\b[DR]-\d{2}\b/g);

const unknownIn = (citations: ReadonlyMap<string, unknown>, rows: readonly { readonly id: string }[]) => {
  const known = new Set(rows.map(({ id }) => id));
  return [...citations].filter(([id]) => !known.has(id));
};

test("every id is there once", () => {
  const ids = REQUIREMENTS.map(({ id }) => id);
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  for (const id of ids) expect(id).toMatch(/^F\d{3}$/);
});

test("tests cite only requirements there are", () => {
  expect(unknownIn(FEATURES, REQUIREMENTS)).toEqual([]);
  expect(unknownIn(AGENT_CITATIONS, AGENT_ROWS)).toEqual([]);
});

test("what is called proven is cited by a test", () => {
  const uncited = REQUIREMENTS.filter(({ id, status }) => status === "proven" && !FEATURES.has(id));
  expect(uncited).toEqual([]);
});

test("every row of the sandbox API's checklists is cited by a test, or has a reason", () => {
  const uncited = AGENT_ROWS.filter(({ id, reason }) => reason === undefined && !AGENT_CITATIONS.has(id));
  expect(uncited).toEqual([]);
});

test("what is declined has a reason, and no test shows it", () => {
  for (const { id, status, reason } of REQUIREMENTS) {
    if (status === "declined")
      expect({ id, hasReason: Boolean(reason), citedBy: FEATURES.get(id) ?? [] }).toEqual({
        id,
        hasReason: true,
        citedBy: [],
      });
  }
});
