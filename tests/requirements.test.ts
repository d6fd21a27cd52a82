import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { REQUIREMENTS } from "./requirements.ts";

const ROOT = resolve(import.meta.dir, "..");
const OURSELVES = "tests/requirements.test.ts";

/** Id of a requirement → files of tests and compatibility programs that cite it. */
function readCitations(): ReadonlyMap<string, readonly string[]> {
  const files = ["{packages,apps,tests}/**/*.test.ts", "tests/compat/programs/**/*.{mjs,py}"]
    .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })])
    .filter((file) => !file.includes("node_modules") && file !== OURSELVES);
  const citations = new Map<string, string[]>();
  for (const file of files) {
    const ids = readFileSync(resolve(ROOT, file), "utf8").match(/\bF\d{3}\b/g) ?? [];
    for (const id of new Set(ids)) citations.set(id, [...(citations.get(id) ?? []), file]);
  }
  return citations;
}

const citations = readCitations();

test("every id is there once", () => {
  const ids = REQUIREMENTS.map(({ id }) => id);
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  for (const id of ids) expect(id).toMatch(/^F\d{3}$/);
});

test("tests cite only requirements there are", () => {
  const known = new Set(REQUIREMENTS.map(({ id }) => id));
  expect([...citations].filter(([id]) => !known.has(id))).toEqual([]);
});

test("what is called proven is cited by a test", () => {
  const uncited = REQUIREMENTS.filter(({ id, status }) => status === "proven" && !citations.has(id));
  expect(uncited).toEqual([]);
});

test("what is declined has a reason, and no test shows it", () => {
  for (const { id, status, reason } of REQUIREMENTS) {
    if (status === "declined")
      expect({ id, hasReason: Boolean(reason), citedBy: citations.get(id) ?? [] }).toEqual({
        id,
        hasReason: true,
        citedBy: [],
      });
  }
});
