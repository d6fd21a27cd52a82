import { AppError } from "@dormouse/kernel";
import { expect, test } from "bun:test";
import { mergeEdit } from "./merge-edit.ts";

/** Small and repeatable: a failure names its seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    return Math.floor(((state ^ (state >>> 13)) >>> 0) % below);
  };
}

type Random = ReturnType<typeof randomFrom>;

const NAMES = ["user", "cart", "item", "price", "order", "total", "cache", "token", "index", "value"];
const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)] as T;

/** A statement, often one that other places of the file have too. */
function statement(random: Random, indent: string): string[] {
  const name = pick(random, NAMES);
  const other = pick(random, NAMES);
  const kinds = [
    [`const ${name} = ${other}(${random(20)});`],
    [`${name}.push(${other});`],
    [`if (!${name}) {`, "  return null;", "}"],
    [`for (const ${name} of ${other}) {`, `  ${name}.run();`, "}"],
    [`return ${name};`],
    [`log("${name}");`],
    ["await flush();"],
    [""],
  ];
  return pick(random, kinds).map((line) => (line === "" ? "" : indent + line));
}

interface Unit {
  readonly indent: string;
  readonly lines: readonly string[];
}

const unit = (indent: string, ...lines: string[]): Unit => ({ indent, lines });

function body(random: Random, indent: string): Unit[] {
  return Array.from({ length: 1 + random(5) }, () => unit(indent, ...statement(random, indent)));
}

function declaration(random: Random): Unit[] {
  const name = pick(random, NAMES) + random(4);
  const fixed = (...lines: string[]) => unit("fixed", ...lines);
  if (random(3) > 0)
    return [fixed(`function ${name}(${pick(random, NAMES)}) {`), ...body(random, "  "), fixed("}", "")];
  const methods = Array.from({ length: 1 + random(3) }, () => [
    fixed(`  ${pick(random, NAMES)}() {`),
    ...body(random, "    "),
    fixed("  }", ""),
  ]);
  return [fixed(`class ${name} {`), ...methods.flat(), fixed("}", "")];
}

const someFile = (random: Random): Unit[] => [
  unit("fixed", `import x from "${pick(random, NAMES)}";`, ""),
  ...Array.from({ length: 2 + random(6) }, () => declaration(random)).flat(),
];

interface Change {
  readonly start: number;
  readonly end: number;
  readonly lines: readonly string[];
}

/** Statements added, replaced or removed, in order and apart from each other. */
function someChanges(random: Random, units: readonly Unit[]): Change[] {
  const changes: Change[] = [];
  let start = 0;
  for (const { indent, lines } of units) {
    const isRemoved = random(2) === 0;
    const added =
      isRemoved && random(3) === 0
        ? []
        : random(2) === 0
          ? [`${indent}added(${random(1000)});`]
          : statement(random, indent);
    if (indent !== "fixed" && random(6) === 0)
      changes.push({ start, end: start + (isRemoved ? lines.length : 0), lines: added });
    start += lines.length;
  }
  return changes;
}

const applied = (lines: readonly string[], changes: readonly Change[]): string[] =>
  changes
    .toReversed()
    .reduce((result, { start, end, lines: added }) => result.toSpliced(start, end - start, ...added), [...lines]);

/** The snippet a careful writer sends: each change with so many unchanged lines around it. */
function snippetOf(lines: readonly string[], changes: readonly Change[], contextCount: number): string {
  const parts: string[] = [];
  let shownTo = 0;
  for (const [at, change] of changes.entries()) {
    const from = Math.max(shownTo, change.start - contextCount);
    if (from > shownTo) parts.push("// ... existing code ...");
    const next = changes[at + 1]?.start ?? lines.length;
    const to = Math.min(next, change.end + contextCount);
    parts.push(...lines.slice(from, change.start), ...change.lines, ...lines.slice(change.end, to));
    shownTo = to;
  }
  if (shownTo < lines.length) parts.push("// ... existing code ...");
  return parts.join("\n");
}

interface Outcome {
  readonly seed: number;
  readonly original: string;
  readonly snippet: string;
  readonly expected: string;
  readonly result: string | null;
}

function outcomeOf(seed: number, contextCount: number): Outcome {
  const random = randomFrom(seed);
  const units = someFile(random);
  const lines = units.flatMap((unit) => unit.lines).slice(0, -1);
  const changes = someChanges(random, units);
  const original = `${lines.join("\n")}\n`;
  const snippet = snippetOf(lines, changes, contextCount);
  const expected = `${applied(lines, changes).join("\n")}\n`;
  try {
    return { seed, original, snippet, expected, result: mergeEdit(original, snippet) };
  } catch (error) {
    if (error instanceof AppError && error.code === "UNPROCESSABLE")
      return { seed, original, snippet, expected, result: null };
    throw error;
  }
}

/** True when every line of `expected` is in `result`, as often. */
function keepsAll(expected: string, result: string): boolean {
  const counts = new Map<string, number>();
  for (const line of result.split("\n")) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of expected.split("\n")) counts.set(line, (counts.get(line) ?? 0) - 1);
  return [...counts.values()].every((count) => count >= 0);
}

const SEEDS = Array.from({ length: 1500 }, (_, at) => at + 1);

/** Where one of two like blocks beside each other goes, a snippet reads as well as if both stayed: then both stay. */
test.each([3, 4])(
  "with %i lines of context a snippet gives its edit or is refused, and never removes anything else",
  (contextCount) => {
    const outcomes = SEEDS.map((seed) => outcomeOf(seed, contextCount));
    const applied = outcomes.filter(({ result }) => result !== null && result !== "");
    const other = applied.filter(({ result, expected }) => result !== expected);
    expect(other.filter(({ result, expected }) => !keepsAll(expected, result ?? ""))).toEqual([]);
    expect(other.length).toBeLessThanOrEqual(SEEDS.length / 200);
    expect(applied.length).toBeGreaterThan(SEEDS.length / 2);
  },
);
