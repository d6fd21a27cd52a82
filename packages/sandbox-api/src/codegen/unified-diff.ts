import { editRefusal, quoted } from "./edit-refusal.ts";
import { findLines } from "./find-lines.ts";
import { indentOf, reindented } from "./indentation.ts";
import { applyLineEdits, type LineEdit, splitText } from "./text-lines.ts";

interface DiffLine {
  readonly kind: " " | "-" | "+";
  readonly text: string;
}

interface Hunk {
  /** One-based, null where the header has no numbers. */
  readonly oldStart: number | null;
  readonly lines: readonly DiffLine[];
  /** What the diff says of the last line's end; undefined when it says nothing. */
  readonly hasFinalNewline: boolean | undefined;
}

const HUNK = /^@@(?:\s+-(\d+)(?:,\d+)?\s+\+\d+(?:,\d+)?\s+@@.*|\s.*)?$/;
const NO_NEWLINE = /^\\ No newline/;

/** The hunks of a unified diff, null when the edit is none. @throws {AppError} UNPROCESSABLE for more than one file. */
export function parseUnifiedDiff(edit: string): Hunk[] | null {
  const { lines } = splitText(edit.trimEnd());
  const first = lines.findIndex((line) => HUNK.test(line));
  if (first < 0 || !lines.slice(0, first).every(isHeader)) return null;
  const hunks: Hunk[] = [];
  for (let at = first; at < lines.length;) {
    const next = lines.findIndex((line, index) => index > at && HUNK.test(line));
    const end = next < 0 ? lines.length : next;
    const body = lines.slice(at + 1, end);
    if (body.some((line, index) => line.startsWith("--- ") && body[index + 1]?.startsWith("+++ "))) {
      throw editRefusal("the diff is about more than one file", "send one edit for each file");
    }
    const stray = body.find((line) => !isHunkLine(line));
    if (stray !== undefined) {
      throw editRefusal(`the diff has the line ${quoted(stray)}`, "start every line of a hunk with a space, + or -");
    }
    hunks.push(parseHunk(lines[at] ?? "", body));
    at = end;
  }
  return hunks;
}

const isHeader = (line: string): boolean =>
  /^(?:diff |index |--- |\+\+\+ |old mode|new mode|new file|similarity|rename )/.test(line) || line.trim() === "";
const isHunkLine = (line: string): boolean => line === "" || /^[ +\-\\]/.test(line);

function parseHunk(header: string, body: readonly string[]): Hunk {
  const lines: DiffLine[] = [];
  let hasFinalNewline: boolean | undefined;
  for (const [at, line] of body.entries()) {
    const kind = body[at - 1]?.[0];
    if (!NO_NEWLINE.test(line)) lines.push({ kind: kindOf(line), text: line.slice(1) });
    else if (kind !== "-") hasFinalNewline = false;
    else hasFinalNewline ??= true;
  }
  const oldStart = HUNK.exec(header)?.[1];
  return { oldStart: oldStart === undefined ? null : Number(oldStart), lines, hasFinalNewline };
}

/** An empty line is context whose one space somebody trimmed. */
const kindOf = (line: string): DiffLine["kind"] => (line[0] === "+" || line[0] === "-" ? line[0] : " ");

/** @throws {AppError} UNPROCESSABLE when a hunk's old lines are found nowhere, or at several places its number does not tell apart. */
export function applyUnifiedDiff(file: string, hunks: readonly Hunk[]): string {
  const text = splitText(file);
  const edits: LineEdit[] = [];
  for (const [at, hunk] of hunks.entries()) {
    edits.push(placeHunk(text.lines, hunk, { nth: at + 1, from: edits.at(-1)?.end ?? 0 }));
  }
  const hasFinalNewline = hunks.at(-1)?.hasFinalNewline;
  return applyLineEdits(text, edits, hasFinalNewline ?? (file === "" ? true : undefined));
}

function placeHunk(lines: readonly string[], hunk: Hunk, { nth, from }: { nth: number; from: number }): LineEdit {
  const old = hunk.lines.filter(({ kind }) => kind !== "+").map(({ text }) => text);
  const added = hunk.lines.filter(({ kind }) => kind === "+").map(({ text }) => text);
  if (old.length === 0) return { ...emptyPlace(lines, hunk, nth), lines: added };
  const { places, isApproximate } = findLines(lines, old);
  const start = chosen(
    places.filter((place) => place >= from),
    hunk.oldStart,
  );
  if (start === null) {
    const count = places.length;
    const state =
      count === 0
        ? "are not in the file"
        : count === 1
          ? "are out of order"
          : `occur ${count} times in the file, none of them at the line it names`;
    throw editRefusal(`the old lines of hunk ${nth}, from ${quoted(old[0] ?? "")}, ${state}`);
  }
  const to = isApproximate ? indentOf(lines[start] ?? "") : indentOf(old[0] ?? "");
  return { start, end: start + old.length, lines: newLines(lines, hunk, { start, from: indentOf(old[0] ?? ""), to }) };
}

/** Context keeps the file's own spelling. */
function newLines(
  lines: readonly string[],
  hunk: Hunk,
  { start, from, to }: { readonly start: number; readonly from: string; readonly to: string },
): string[] {
  const result: string[] = [];
  let place = start;
  for (const { kind, text } of hunk.lines) {
    if (kind === " ") result.push(lines[place] ?? "");
    if (kind === "+") result.push(reindented(text, from, to));
    if (kind !== "+") place++;
  }
  return result;
}

/** A hunk that only adds, without context, goes after the line its header names. */
function emptyPlace(lines: readonly string[], hunk: Hunk, nth: number): { start: number; end: number } {
  const isEmptyFile = lines.every((line) => line === "");
  const after = isEmptyFile ? 0 : hunk.oldStart;
  if (after !== null && after <= lines.length) return { start: after, end: after };
  throw editRefusal(`hunk ${nth} has no line of the file`);
}

/** The only place, or the one the header names: models count lines badly, so near it is not good enough. */
function chosen(places: readonly number[], oldStart: number | null): number | null {
  const [first] = places;
  if (first !== undefined && places.length === 1) return first;
  return oldStart !== null && places.includes(oldStart - 1) ? oldStart - 1 : null;
}
