import { commonLines } from "./common-lines.ts";
import { abbreviatesInside, type Segment } from "./edit-markers.ts";
import { quoted } from "./edit-refusal.ts";
import { indentColumns, indentOf, reindented } from "./indentation.ts";
import { declaredName, isTrivial, similarity } from "./line-identity.ts";
import type { LineIndex, LineRange } from "./line-index.ts";
import { segmentContext, type SegmentContext } from "./segment-context.ts";
import { type Reading, readingsOf, weight } from "./segment-readings.ts";
import type { LineEdit } from "./text-lines.ts";

/** `problem` ends the sentence "segment 2 of the snippet …". Only a missing segment may be found by a looser comparison. */
export type Placing =
  | { readonly kind: "placed"; readonly edit: LineEdit }
  | { readonly kind: "missing" | "unclear"; readonly problem: string };

export interface PlaceOptions {
  readonly range: LineRange;
  readonly threshold: number;
}

/** From this likeness on, a new line beside a line of the file may as well be meant to replace it. */
const LIKE_A_VERSION = 0.75;
/** Readings looked at closely: the ones with most context. */
const MAX_SCORED = 100;
/** Up to so many lines are removed with one telling line on either side, more with two; what is one block needs neither. */
const MAX_REMOVED_ON_LITTLE = 8;

/** Finds where in `range` of the file the segment belongs, and what it makes of that place. */
export function placeSegment(segment: Segment, index: LineIndex, { range, threshold }: PlaceOptions): Placing {
  const context = segmentContext(segment.lines, index, range, { threshold });
  const readings = readingsOf(context);
  if (readings === null) return { kind: "unclear", problem: "starts with a line that the file has too often" };
  if (readings.length === 0) return { kind: "missing", problem: "has no line that is in the file at its place" };
  const reading = choose(readings, segment, context);
  if (reading === null) return { kind: "unclear", problem: "fits more than one place of the file" };
  const loose = looseEnd(segment, reading, context);
  // A changed first or last line of the file may be found by a looser comparison.
  if (loose !== null) return { kind: "missing", problem: loose };
  const problem =
    removalProblem(readings, reading, context) ??
    edgeProblem(reading, context, "above") ??
    edgeProblem(reading, context, "below") ??
    repetitionProblem(reading, context) ??
    abbreviationProblem(context);
  if (problem !== null) return { kind: "unclear", problem };
  return { kind: "placed", edit: editOf(segment, reading, context) };
}

/** The reading that keeps most of what the segment shows and removes least; null when another does nearly as well. */
function choose(readings: readonly Reading[], segment: Segment, context: SegmentContext): Reading | null {
  const likeliest = readings
    .toSorted((left, right) => right.evidence - left.evidence || spanOf(left) - spanOf(right))
    .slice(0, MAX_SCORED)
    .map((reading) => ({ reading, score: scoreOf(reading, context) }));
  const most = Math.max(...likeliest.map(({ score }) => score));
  const good = likeliest.filter(({ score }) => score > most - 1).map(({ reading }) => reading);
  const [best] = good;
  if (best !== undefined && good.length === 1) return best;
  return atFileEdge(good, segment, context) ?? endOfOpenBlock(good, context);
}

const spanOf = ({ start, end }: Reading): number => end - start;

/** What it keeps counts in full, what it removes half: the more is removed, the more has to be shown around it. */
function scoreOf(reading: Reading, context: SegmentContext): number {
  const { kept, removed } = compareMiddle(reading, context);
  return reading.evidence + weight(kept) - weight(removed) / 2;
}

/** A snippet that does not start with a marker starts where the file starts; likewise at the end. */
function atFileEdge(readings: readonly Reading[], segment: Segment, { index }: SegmentContext): Reading | null {
  const isText = (line: string) => line.trim() !== "";
  const firstText = index.lines.findIndex(isText);
  const lastText = index.lines.findLastIndex(isText);
  const found = readings.filter(
    ({ start, end }) =>
      (!segment.isAfterMarker && start === firstText) || (!segment.isBeforeMarker && end === lastText),
  );
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** Braces alone: they end what is open where the segment before was placed. */
function endOfOpenBlock(readings: readonly Reading[], { lines, index, range }: SegmentContext): Reading | null {
  if (range.from === 0) return null;
  for (const reading of readings) {
    if (!lines.slice(reading.first, reading.last + 1).every(isTrivial)) return null;
  }
  const [first] = readings;
  const columns = indentColumns(lines[first?.first ?? 0] ?? "");
  for (let at = range.from; at < range.to; at++) {
    const line = index.lines[at] ?? "";
    if (line.trim() === "" || indentColumns(line) > columns) continue;
    return readings.find(({ start }) => start === at) ?? null;
  }
  return null;
}

function removalProblem(readings: readonly Reading[], reading: Reading, context: SegmentContext): string | null {
  const { removed } = compareMiddle(reading, context);
  if (removed.length === 0) return null;
  const isOnly = (isSame: (other: Reading) => boolean) => readings.every((other) => other === reading || isSame(other));
  const isOnlyStart = isOnly((other) => other.start === reading.start || other.headCount < reading.headCount);
  const isOnlyEnd = isOnly((other) => other.end === reading.end || other.tailCount < reading.tailCount);
  const head = weight(context.lines.slice(reading.first, reading.first + reading.headCount));
  const tail = weight(context.lines.slice(reading.last + 1 - reading.tailCount, reading.last + 1));
  const isBlock = (isOnlyStart && reading.endsBlock && head >= 1) || (isOnlyEnd && reading.opensBlock && tail >= 1);
  const shown = `would remove ${removed.length} lines from ${quoted(removed[0] ?? "")}`;
  if (!isBlock && !(isOnlyStart && isOnlyEnd)) return `${shown}, but the lines around it occur more than once`;
  if (isBlock) return null;
  const needed = removed.length > MAX_REMOVED_ON_LITTLE ? 2 : 1;
  const isAtStart = reading.start === 0;
  const isAtEnd = reading.end === context.index.lines.length - 1;
  if ((isAtStart || head >= needed) && (isAtEnd || tail >= needed)) return null;
  return `${shown}, on too little context`;
}

/** Lines of the file between head and tail: those the segment shows again, and those it leaves out. */
function compareMiddle(
  reading: Reading,
  { lines, index }: SegmentContext,
): { readonly kept: readonly string[]; readonly removed: readonly string[] } {
  const { first, last, start, end, headCount, tailCount } = reading;
  const shown = lines.slice(first + headCount, last + 1 - tailCount).map((line) => index.classOf(line));
  const places = { from: start + headCount, to: end + 1 - tailCount };
  const isKept = commonLines(shown, index.classes.slice(places.from, places.to));
  const middle = index.lines.slice(places.from, places.to);
  return { kept: middle.filter((_, at) => isKept[at]), removed: middle.filter((_, at) => isKept[at] === false) };
}

/** A snippet that does not begin, or end, with a marker does so where the file does. */
function looseEnd(
  segment: Segment,
  { first, last, start, end }: Reading,
  { lines, index }: SegmentContext,
): string | null {
  const lacks = "with new lines in the middle of the file, without a marker or a line of the file";
  if (!segment.isAfterMarker && first > 0 && index.lines.slice(0, start).some(isText)) return `starts ${lacks}`;
  if (!segment.isBeforeMarker && last < lines.length - 1 && index.lines.slice(end + 1).some(isText))
    return `ends ${lacks}`;
  return null;
}

/** New lines outside of the context are added; this says when they could as well be meant to replace something. */
function edgeProblem(reading: Reading, context: SegmentContext, side: "above" | "below"): string | null {
  const { lines, index, range } = context;
  const isAbove = side === "above";
  const added = isAbove ? lines.slice(0, reading.first) : lines.slice(reading.last + 1);
  if (added.length === 0) return null;
  const gap = isAbove ? { from: range.from, to: reading.start } : { from: reading.end + 1, to: range.to };
  const gapLines = index.lines.slice(gap.from, gap.to);
  const neighbour = isAbove ? gapLines.findLast(isText) : gapLines.find(isText);
  for (const [at, line] of added.entries()) {
    if (!isText(line) || context.isInside(isAbove ? at : reading.last + 1 + at)) continue;
    if (index.declarations(line, gap).length > 0)
      return `declares ${quoted(line)} again, away from where the file does`;
    if (isTrivial(line) || declaredName(line) !== null || neighbour === undefined) continue;
    if (similarity(line, neighbour) >= LIKE_A_VERSION) {
      return `leaves open whether ${quoted(line)} replaces ${quoted(neighbour)} or stands beside it`;
    }
  }
  return null;
}

/** A line the file has once is context, not something to be written a second time. */
function repetitionProblem(reading: Reading, context: SegmentContext): string | null {
  const { lines, index, range } = context;
  const { first, last, start, end, headCount, tailCount } = reading;
  for (const [at, line] of lines.entries()) {
    const isShown = (at >= first && at < first + headCount) || (at <= last && at > last - tailCount);
    if (isShown || isTrivial(line) || context.isInside(at)) continue;
    const places = index.positions(index.classOf(line), range);
    const isElsewhere = places.length === 1 && places.every((place) => place < start || place > end);
    if (isElsewhere) return `has ${quoted(line)} at a place where the file does not`;
  }
  return null;
}

function abbreviationProblem({ lines, index }: SegmentContext): string | null {
  const found = lines.find((line) => abbreviatesInside(line) && index.classOf(line) < 0);
  return found === undefined
    ? null
    : `leaves out code inside a line, ${quoted(found)}; put the marker on a line of its own`;
}

/** Context keeps the file's own spelling; what is new is moved to the file's indentation. */
function editOf(segment: Segment, reading: Reading, context: SegmentContext): LineEdit {
  const { lines, index } = context;
  const { first, last, start, end, headCount, tailCount } = reading;
  const from = indentOf(lines[first] ?? "");
  const to = indentOf(index.lines[start] ?? "");
  const moved = (line: string) => reindented(line, from, to);
  const own = (at: number, place: number) =>
    context.isVerbatim(at) || lines[at]?.trim() === "" ? (index.lines[place] ?? "") : moved(lines[at] ?? "");
  const replaced = lines.slice(first, last + 1).map((line, nth) => {
    const at = first + nth;
    if (nth < headCount) return own(at, start + nth);
    if (last - at < tailCount) return own(at, end - (last - at));
    return moved(line);
  });
  const above = lines.slice(0, first).map(moved);
  const below = lines.slice(last + 1).map(moved);
  if (above.length > 0 && segment.hasBlankBefore && isText(index.lines[start - 1])) above.unshift("");
  if (below.length > 0 && segment.hasBlankAfter && isText(index.lines[end + 1])) below.push("");
  return { start, end: end + 1, lines: [...above, ...replaced, ...below] };
}

const isText = (line: string | undefined): boolean => line !== undefined && line.trim() !== "";
