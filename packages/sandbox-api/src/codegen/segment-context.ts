import { isTrivial } from "./line-identity.ts";
import { findSimilar, type LineIndex, type LineRange } from "./line-index.ts";
import { type LineStructure, structureOf } from "./line-structure.ts";

/** Which lines of a segment are context, that is lines the file has in the range where the segment belongs, and where. */
export interface SegmentContext {
  readonly lines: readonly string[];
  readonly index: LineIndex;
  readonly range: LineRange;
  /** True when line `at` of the segment is line `place` of the file, or another version of it. */
  matches(at: number, place: number): boolean;
  /** Places in the file of line `at`, ascending; none for a line that is new. */
  places(at: number): readonly number[];
  /** True when the segment says line `at` in the file's own words. */
  isVerbatim(at: number): boolean;
  isContext(at: number): boolean;
  /** For a line that ends a block, the line of the segment that opens it; null when that is not in the segment. */
  openerOf(at: number): number | null;
  /** True for a line inside of a block of the segment that says what it is. */
  isInside(at: number): boolean;
}

export interface ContextOptions {
  /** How alike lines have to be, 0 to 1, where the index goes by similarity. */
  readonly threshold: number;
}

export function segmentContext(
  lines: readonly string[],
  index: LineIndex,
  range: LineRange,
  { threshold }: ContextOptions,
): SegmentContext {
  const classes = lines.map((line) => index.classOf(line));
  const structure = structureOf(lines);
  const isUnderTrivial = (at: number) => isTrivial(lines[structure.parents[at] ?? -1] ?? "word");
  const placesOf = memoized((at) => {
    const line = lines[at] ?? "";
    const exact = index.positions(classes[at] ?? -1, range);
    if (exact.length > 0 || isTrivial(line)) return exact;
    const declared = isUnderTrivial(at) ? [] : index.declarations(line, range);
    if (declared.length === 1) return declared;
    const similar = index.strictness === "similar" ? findSimilar(index, line, { ...range, threshold }) : null;
    return similar === null ? [] : [similar];
  });
  const isVerbatim = memoized((at) => index.positions(classes[at] ?? -1, range).length > 0);
  const isContext: (at: number) => boolean = memoized((at) => {
    const line = lines[at] ?? "";
    if (line.trim() === "") return false;
    if (!isTrivial(line)) return isParentContext(lines, structure, { at, isContext }) && placesOf(at).length > 0;
    if (placesOf(at).length === 0) return false;
    const opener = structure.openers[at] ?? null;
    // On the line below what it belongs to, as some write all of them.
    if (opensBlock(line) && opener !== at - 1) return false;
    const owner = opensBlock(line) || closesBlock(line) ? opener : (structure.parents[at] ?? null);
    return owner === null || (!isTrivial(lines[owner] ?? "") && isContext(owner));
  });
  return {
    lines,
    index,
    range,
    matches: (at, place) => {
      if (place < range.from || place >= range.to) return false;
      const lineClass = classes[at] ?? -1;
      if (lineClass === index.classes[place]) return true;
      return lineClass !== 0 && !isVerbatim(at) && placesOf(at)[0] === place;
    },
    places: placesOf,
    isVerbatim,
    isContext,
    openerOf: (at) => (closesBlock(lines[at] ?? "") ? (structure.openers[at] ?? null) : null),
    isInside: (at) => structure.parents[at] !== null && !isUnderTrivial(at),
  };
}

const closesBlock = (line: string): boolean => /^\s*(?:[)}\]]|<\/|(?:end|fi|done|esac|else|finally)\b)/i.test(line);
const opensBlock = (line: string): boolean => /^[^)}\]\p{L}\p{N}]*[({[]\s*$/u.test(line);

/** What is inside of something new is new, whatever other lines of the file say the same. */
function isParentContext(
  lines: readonly string[],
  { parents }: LineStructure,
  line: { readonly at: number; readonly isContext: (at: number) => boolean },
): boolean {
  let parent = parents[line.at] ?? null;
  while (parent !== null && isTrivial(lines[parent] ?? "")) parent = parents[parent] ?? null;
  return parent === null || line.isContext(parent);
}

function memoized<T>(compute: (at: number) => T): (at: number) => T {
  const known = new Map<number, T>();
  return (at) => {
    const found = known.get(at);
    if (found !== undefined) return found;
    const value = compute(at);
    known.set(at, value);
    return value;
  };
}
