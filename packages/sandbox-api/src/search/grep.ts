import type { FileFilter } from "./globs.ts";
import { inOrder } from "./in-order.ts";
import { MAX_BLOCK_BYTES, type TextBlock, textBlocks } from "./text-blocks.ts";
import { TimeSlice } from "./time-slice.ts";
import { walk, type WalkEntry, type WalkOptions } from "./walk.ts";

/** The first hit of a line. */
export interface GrepMatch {
  /** Relative to the searched root. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** Byte of the line the hit starts at, from 1. */
  readonly column: number;
  /** The line as `cutLine` shows it. */
  readonly text: string;
}

/** What is looked for in lines. */
export interface LinePattern {
  /** Index of the first hit in `text` at or after `from`, which is the start of a line; -1 for none. */
  find(text: string, from: number): number;
  /** Most `find` may be given at once without taking long; default: a whole block. */
  readonly maxTextBytes?: number;
}

export interface GrepOptions extends WalkOptions {
  readonly pattern: LinePattern;
  readonly filter: FileFilter | null;
  /** Of one file. */
  readonly maxMatchesPerFile: number;
}

/** The hits of one file, never none. */
export interface FileMatches {
  readonly file: WalkEntry;
  readonly matches: readonly GrepMatch[];
}

/** Enough to keep the disk busy; each file costs one buffer while it is read. */
const FILES_AT_ONCE = 8;
/** Most of one file's hits, so that files read at the same time stay small together. */
const MAX_TEXT_BYTES_PER_FILE = 4 * 1024 * 1024;
const MAX_SHOWN_CHARACTERS = 1000;
const SHOWN_BEFORE_HIT = 200;

/** Files with hits in the order of the walk. Binary files are left out. @throws {AppError} as `walk` */
export async function* grep(root: string, options: GrepOptions): AsyncGenerator<FileMatches, void, undefined> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  try {
    const files = readableFiles(walk(root, { ...options, signal }), options.filter);
    const searched = inOrder(files, FILES_AT_ONCE, (file) => grepFile(file, options, signal));
    for await (const found of searched) if (found.matches.length > 0) yield found;
  } finally {
    stop.abort();
  }
}

/** The files of a walk that may be read and that `filter` takes. */
export async function* readableFiles(
  entries: AsyncIterable<WalkEntry>,
  filter: FileFilter | null,
): AsyncGenerator<WalkEntry, void, undefined> {
  for await (const entry of entries) if (entry.kind === "file" && (filter?.(entry) ?? true)) yield entry;
}

async function grepFile(file: WalkEntry, options: GrepOptions, signal: AbortSignal): Promise<FileMatches> {
  const { pattern, maxMatchesPerFile } = options;
  const matches: GrepMatch[] = [];
  const slice = new TimeSlice();
  let textBytes = 0;
  for await (const block of textBlocks(file.absolutePath, signal, pattern.maxTextBytes ?? MAX_BLOCK_BYTES)) {
    for (const match of matchesIn(block, pattern)) {
      if (slice.isOver) await slice.next();
      // A line that came in pieces counts once.
      if (matches.at(-1)?.line === match.line) continue;
      matches.push({ path: file.path, ...match });
      textBytes += match.text.length;
      if (matches.length >= maxMatchesPerFile || textBytes > MAX_TEXT_BYTES_PER_FILE) return { file, matches };
    }
    if (slice.isOver) await slice.next();
  }
  return { file, matches };
}

function* matchesIn(block: TextBlock, pattern: LinePattern): Generator<Omit<GrepMatch, "path">> {
  const { text } = block;
  let line = block.line;
  let counted = 0;
  for (let from = 0; from <= text.length;) {
    const index = pattern.find(text, from);
    if (index < 0) return;
    const start = index === 0 ? 0 : text.lastIndexOf("\n", index - 1) + 1;
    const end = lineEnd(text, index);
    line += countLineEnds(text, counted, start);
    counted = start;
    const before = (line === block.line ? block.columnBytes : 0) + Buffer.byteLength(text.slice(start, index));
    yield { line, column: before + 1, text: cutLine(text.slice(start, end), index - start) };
    from = end + 1;
  }
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function countLineEnds(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}

/**
 * A line as answers show it: without a carriage return at its end, and of one longer than 1000 characters only 1000 of them,
 * from up to 200 before the hit, with `…` where something is missing.
 */
export function cutLine(line: string, hitIndex: number): string {
  const whole = line.endsWith("\r") ? line.slice(0, -1) : line;
  if (whole.length <= MAX_SHOWN_CHARACTERS) return whole;
  const start = Math.max(0, Math.min(hitIndex - SHOWN_BEFORE_HIT, whole.length - MAX_SHOWN_CHARACTERS));
  const end = start + MAX_SHOWN_CHARACTERS;
  return `${start > 0 ? "…" : ""}${whole.slice(start, end)}${end < whole.length ? "…" : ""}`;
}
