import { indentColumns } from "./indentation.ts";
import { isTrivial } from "./line-identity.ts";
import type { SegmentContext } from "./segment-context.ts";

/** One way to read a segment: its lines `first` to `last` stand for the file's lines `start` to `end`, all inclusive. */
export interface Reading {
  readonly first: number;
  readonly last: number;
  readonly start: number;
  readonly end: number;
  /** Lines at its start, and at its end, that are the file's own and in its order. */
  readonly headCount: number;
  readonly tailCount: number;
  /** What speaks for it: 1 for each of those lines that says something, less for a brace. */
  readonly evidence: number;
  /** True when the last line is the first after the start that is indented as little: it ends what is open there. */
  readonly endsBlock: boolean;
  /** True when the first line is the last before the end that is indented as little: it opens what ends there. */
  readonly opensBlock: boolean;
}

/** Beyond that a line says too little. */
const MAX_STARTS = 1000;
/** Tried for one start: those with most context. */
const MAX_ENDS = 100;

/** Every way the segment can be read, nothing when no line of it is the file's; null when there are too many. */
export function readingsOf(context: SegmentContext): Reading[] | null {
  const first = context.lines.findIndex((_, at) => context.isContext(at));
  if (first < 0) return [];
  const starts = context.places(first);
  if (starts.length > MAX_STARTS) return null;
  return starts.flatMap((start) => readingsFrom(context, first, start));
}

function readingsFrom(context: SegmentContext, contextAt: number, place: number): Reading[] {
  const above = adjoining(context, contextAt, place, -1);
  const first = contextAt - above;
  const start = place - above;
  const headCount = matchingBelow(context, first, start);
  const offset = start - first;
  const count = context.lines.length;
  if (headCount === count - first)
    return [reading(context, { first, start, last: count - 1, end: offset + count - 1 })];
  const headEnd = first + headCount;
  for (let last = count - 1; last > contextAt; last--) {
    const end = blockEnd(context, last, { first, headEnd, offset });
    if (end !== null) return [reading(context, { first, start, last, end })];
    if (!context.isContext(last)) continue;
    if (last < headEnd) return [reading(context, { first, start, last, end: offset + last })];
    const ends = context.places(last).filter((at) => at > start + headCount - 1);
    if (ends.length > 0)
      return likelyEnds(context, last, ends).map((end) => reading(context, { first, start, last, end }));
  }
  return [reading(context, { first, start, last: contextAt, end: place })];
}

function likelyEnds(context: SegmentContext, last: number, ends: readonly number[]): readonly number[] {
  if (ends.length <= MAX_ENDS) return ends;
  const counted = ends.map((end) => ({ end, count: matchingAbove(context, last, end) }));
  const best = counted.toSorted((left, right) => right.count - left.count || left.end - right.end);
  return best.slice(0, MAX_ENDS).map(({ end }) => end);
}

/** Where the block ends in the file that line `last` ends in the segment, if the file's block is known to be the segment's. */
function blockEnd(
  context: SegmentContext,
  last: number,
  head: { readonly first: number; readonly headEnd: number; readonly offset: number },
): number | null {
  const opener = context.openerOf(last);
  if (opener === null || opener < head.first || opener >= head.headEnd) return null;
  const isNamed = !isTrivial(context.lines[opener] ?? "");
  const isKnown = isNamed || context.lines.slice(opener, head.headEnd).some((line) => !isTrivial(line));
  if (!isKnown) return null;
  const { lines } = context.index;
  const columns = indentColumns(lines[opener + head.offset] ?? "");
  for (let at = opener + head.offset + 1; at < context.range.to; at++) {
    const line = lines[at] ?? "";
    if (line.trim() !== "" && indentColumns(line) <= columns) return context.matches(last, at) ? at : null;
  }
  return null;
}

type Span = Pick<Reading, "first" | "last" | "start" | "end">;

function reading(context: SegmentContext, span: Span): Reading {
  const below = adjoining(context, span.last, span.end, 1);
  const last = span.last + below;
  const end = span.end + below;
  const count = last - span.first + 1;
  const headCount = Math.min(matchingBelow(context, span.first, span.start), count, end - span.start + 1);
  const left = Math.min(count, end - span.start + 1) - headCount;
  const tailCount = Math.min(matchingAbove(context, last, end), Math.max(0, left));
  const head = context.lines.slice(span.first, span.first + headCount);
  const tail = context.lines.slice(last + 1 - tailCount, last + 1);
  return {
    first: span.first,
    last,
    start: span.start,
    end,
    headCount,
    tailCount,
    evidence: weight(head) + weight(tail),
    ...blockOf(context.index.lines, span.start, end),
  };
}

export function weight(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + (line.trim() === "" ? 0 : isTrivial(line) ? 0.25 : 1), 0);
}

function blockOf(lines: readonly string[], start: number, end: number): Pick<Reading, "endsBlock" | "opensBlock"> {
  const startColumns = indentColumns(lines[start] ?? "");
  const endColumns = indentColumns(lines[end] ?? "");
  const between = lines.slice(start + 1, end).filter((line) => line.trim() !== "");
  const isDeeperThan = (columns: number) => between.every((line) => indentColumns(line) > columns);
  return {
    endsBlock: endColumns <= startColumns && isDeeperThan(endColumns),
    opensBlock: startColumns <= endColumns && isDeeperThan(startColumns),
  };
}

/**
 * How many more lines match next to a matching one. Short of the segment's edge they end at a line that is context for sure:
 * a brace or blank line of a new function is not the file's because the file has one there too.
 */
function adjoining(context: SegmentContext, at: number, place: number, step: 1 | -1): number {
  const { length } = context.lines;
  let count = 0;
  let sure = 0;
  for (let next = at + step; next >= 0 && next < length; next += step) {
    if (!context.matches(next, place + step * (count + 1))) return sure;
    count++;
    if (context.isContext(next)) sure = count;
  }
  return count;
}

function matchingBelow(context: SegmentContext, at: number, place: number): number {
  let count = 0;
  while (at + count < context.lines.length && context.matches(at + count, place + count)) count++;
  return count;
}

function matchingAbove(context: SegmentContext, at: number, place: number): number {
  let count = 0;
  while (at - count >= 0 && context.matches(at - count, place - count)) count++;
  return count;
}
