import { indentOf } from "./indentation.ts";
import { declaredName, similarity, wordsOf } from "./line-identity.ts";

/** How alike two lines have to be to count as one, strictest first. */
export const STRICTNESS = ["exact", "spacing", "punctuation", "similar"] as const;
export type Strictness = (typeof STRICTNESS)[number];

/** Lines of a file by what they say, at one strictness. Lines of one class count as the same line; class 0 is blank. */
export interface LineIndex {
  readonly lines: readonly string[];
  readonly strictness: Strictness;
  readonly classes: readonly number[];
  /** -1 for a line the file does not have. */
  classOf(line: string): number;
  /** Where lines of that class are, within `range`, ascending. */
  positions(lineClass: number, range: LineRange): readonly number[];
  /** Where lines of the range declare what `line` does; on its own indentation only, where the index is exact. */
  declarations(line: string, range: LineRange): readonly number[];
}

/** Lines `from` up to, not including, `to`. */
export interface LineRange {
  readonly from: number;
  readonly to: number;
}

/** Comparing word by word takes about a microsecond a line. */
const MAX_COMPARED_LINES = 10_000;

const NORMAL_FORM: Readonly<Record<Strictness, (line: string) => string>> = {
  exact: (line) => line.trimEnd(),
  spacing: (line) => line.trim().replace(/\s+/g, " "),
  punctuation: withoutPunctuation,
  similar: withoutPunctuation,
};

/** Makes the indexes of one file; what they share is found once, when it is needed. */
export function indexerOf(lines: readonly string[]): (strictness: Strictness) => LineIndex {
  let placesByName: ReadonlyMap<string, readonly number[]> | null = null;
  const declared = (name: string) => (placesByName ??= declaredPlaces(lines)).get(name) ?? [];
  return (strictness) => indexLines(lines, strictness, declared);
}

function declaredPlaces(lines: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  for (const [at, line] of lines.entries()) {
    const name = declaredName(line);
    if (name === null) continue;
    const known = places.get(name);
    if (known === undefined) places.set(name, [at]);
    else known.push(at);
  }
  return places;
}

function indexLines(
  lines: readonly string[],
  strictness: Strictness,
  declared: (name: string) => readonly number[],
): LineIndex {
  const normalForm = NORMAL_FORM[strictness];
  const classByForm = new Map<string, number>([["", 0]]);
  const positionsByClass: number[][] = [[]];
  const classes = lines.map((line, at) => {
    const form = normalForm(line);
    const known = classByForm.get(form);
    const lineClass = known ?? positionsByClass.push([]) - 1;
    if (known === undefined) classByForm.set(form, lineClass);
    positionsByClass[lineClass]?.push(at);
    return lineClass;
  });
  return {
    lines,
    strictness,
    classes,
    classOf: (line) => classByForm.get(normalForm(line)) ?? -1,
    positions: (lineClass, range) => within(positionsByClass[lineClass] ?? [], range),
    declarations: (line, range) => {
      const name = declaredName(line);
      const places = name === null ? [] : within(declared(name), range);
      return strictness === "exact" ? places.filter((at) => indentOf(lines[at] ?? "") === indentOf(line)) : places;
    },
  };
}

/** The line of the range most like `line`, when it is at least `threshold` alike and no other comes near. */
export function findSimilar(
  { lines }: LineIndex,
  line: string,
  range: LineRange & { threshold: number },
): number | null {
  if (wordsOf(line).length < 2 || range.to - range.from > MAX_COMPARED_LINES) return null;
  let best = { at: -1, score: 0 };
  let secondScore = 0;
  for (let at = range.from; at < range.to; at++) {
    const candidate = lines[at] ?? "";
    if (Math.abs(candidate.trim().length - line.trim().length) > line.length / 2) continue;
    const score = similarity(line, candidate);
    if (score > best.score) {
      secondScore = best.score;
      best = { at, score };
    } else if (score > secondScore) secondScore = score;
  }
  return best.score >= range.threshold && best.score - secondScore >= 0.1 ? best.at : null;
}

function withoutPunctuation(line: string): string {
  const text = line.replace(/\s+/g, "").replace(/["`]/g, "'");
  let end = text.length;
  while (end > 0 && (text[end - 1] === "," || text[end - 1] === ";")) end--;
  return text.slice(0, end);
}

function within(positions: readonly number[], { from, to }: LineRange): readonly number[] {
  const first = lowerBound(positions, from);
  return positions.slice(first, lowerBound(positions, to));
}

function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
