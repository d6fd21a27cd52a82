import { adoptIndentCharacter } from "./indentation.ts";
import { hasMarker, type Segment, splitAtMarkers } from "./edit-markers.ts";
import { editRefusal, quoted } from "./edit-refusal.ts";
import { declaredName, isTrivial } from "./line-identity.ts";
import { indexerOf, type LineIndex, type LineRange, STRICTNESS } from "./line-index.ts";
import { placeSegment } from "./place-segment.ts";
import { applySearchReplace, parseSearchReplace } from "./search-replace.ts";
import { applyLineEdits, type LineEdit, splitText, type TextLines } from "./text-lines.ts";
import { applyUnifiedDiff, parseUnifiedDiff } from "./unified-diff.ts";

export interface MergeOptions {
  /** Also takes lines for the file's own that are less alike. */
  readonly isLenient: boolean;
}

/** How alike two lines have to be when nothing of a segment is found otherwise, 0 to 1. */
const THRESHOLD = { strict: 0.9, lenient: 0.7 };

/**
 * Applies an edit as language models write it to the text of a file: a snippet with markers such as
 * `// ... existing code ...` for what stays, SEARCH/REPLACE blocks, or a unified diff. What an edit means is never guessed.
 * @throws {AppError} UNPROCESSABLE with what could not be placed and what to send instead.
 */
export function mergeEdit(original: string, codeEdit: string, options: MergeOptions = { isLenient: false }): string {
  const mark = original.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : "";
  const file = original.slice(mark.length);
  const edit = withoutFence(codeEdit, file);
  if (edit.trim() === "") throw editRefusal("it is empty", "send the lines that change");
  const merged = mark + merge(file, edit, options);
  if (merged === original)
    throw editRefusal("it leaves the file as it is", "read the file again: it may hold the change already");
  return merged;
}

const BYTE_ORDER_MARK = "\u{feff}";

function merge(file: string, edit: string, options: MergeOptions): string {
  const blocks = parseSearchReplace(edit);
  if (blocks !== null) return applySearchReplace(file, blocks);
  const diff = parseUnifiedDiff(edit);
  if (diff !== null) return applyUnifiedDiff(file, diff);
  return mergeSnippet(file, edit, options);
}

function mergeSnippet(file: string, edit: string, { isLenient }: MergeOptions): string {
  const written = splitText(edit).lines;
  const text = splitText(file);
  if (file.trim() === "") return newContent(edit, written);
  const snippet = adoptIndentCharacter(written, text.lines);
  const segments = splitAtMarkers(snippet, new Set(text.lines.map((line) => line.trim())));
  const placed = placeAll(segments, text.lines, isLenient ? THRESHOLD.lenient : THRESHOLD.strict);
  if ("edits" in placed) return applyLineEdits(text, placed.edits);
  if (isWholeFile(segments, text)) return wholeFile(text, snippet);
  const { segment, nth, problem } = placed;
  const lines = `lines ${segment.firstLine} to ${segment.firstLine + segment.lines.length - 1}`;
  const which = segments.length === 1 ? "the snippet" : `segment ${nth} of the snippet`;
  throw editRefusal(`${which} (${lines}, from ${quoted(segment.lines[0] ?? "")}) ${problem}`);
}

function newContent(edit: string, lines: readonly string[]): string {
  if (!hasMarker(lines)) return edit;
  throw editRefusal("the file is empty, so its markers stand for nothing", "send the whole content");
}

interface Unplaced {
  readonly segment: Segment;
  /** One-based. */
  readonly nth: number;
  readonly problem: string;
}

/**
 * Strictest comparison first: only what is not found goes on to the next, as what is unclear gets no clearer. Every segment that has found
 * its place narrows the place of its neighbours.
 */
function placeAll(
  segments: readonly Segment[],
  lines: readonly string[],
  threshold: number,
): { readonly edits: readonly LineEdit[] } | Unplaced {
  const edits: (LineEdit | undefined)[] = segments.map(() => undefined);
  const indexOf = indexerOf(lines);
  const unclear: (LineIndex | undefined)[] = segments.map(() => undefined);
  let unplaced: Unplaced | null = null;
  for (const strictness of STRICTNESS) {
    const index = indexOf(strictness);
    do unplaced = null;
    while (placeMore({ segments, edits, unclear, index, threshold }, (problem) => (unplaced ??= problem)));
    if (unplaced === null) return { edits: edits.filter((edit) => edit !== undefined) };
  }
  return unplaced ?? { edits: [] };
}

interface Placing {
  readonly segments: readonly Segment[];
  readonly edits: (LineEdit | undefined)[];
  /** The comparison by which a segment is unclear, which it then stays with. */
  readonly unclear: (LineIndex | undefined)[];
  readonly index: LineIndex;
  readonly threshold: number;
}

/** True when a segment found its place while another did not, which may now find its own. */
function placeMore(
  { segments, edits, unclear, index, threshold }: Placing,
  report: (problem: Unplaced) => void,
): boolean {
  let hasProgress = false;
  let isComplete = true;
  for (const [at, segment] of segments.entries()) {
    if (edits[at] !== undefined) continue;
    const range = freeRange(edits, at, index.lines.length);
    const placing = placeSegment(segment, unclear[at] ?? index, { range, threshold });
    if (placing.kind === "placed") {
      edits[at] = placing.edit;
      hasProgress = true;
    } else {
      if (placing.kind === "unclear") unclear[at] ??= index;
      report({ segment, nth: at + 1, problem: placing.problem });
      isComplete = false;
    }
  }
  return hasProgress && !isComplete;
}

function freeRange(edits: readonly (LineEdit | undefined)[], at: number, lineCount: number): LineRange {
  const before = edits.slice(0, at).findLast((edit) => edit !== undefined);
  const after = edits.slice(at + 1).find((edit) => edit !== undefined);
  return { from: before?.end ?? 0, to: after?.start ?? lineCount };
}

/** A snippet without markers that has most of the file and starts or ends as it does is the new file. */
function isWholeFile(segments: readonly Segment[], text: TextLines): boolean {
  const [segment] = segments;
  if (segments.length !== 1 || segment === undefined || segment.isAfterMarker || segment.isBeforeMarker) return false;
  const file = text.lines.filter((line) => line.trim() !== "");
  const startsAlike = isVersionOf(segment.lines[0], file[0]);
  const endsAlike = isVersionOf(segment.lines.at(-1), file.at(-1)) && !isTrivial(file.at(-1) ?? "");
  const sizeRatio = segment.lines.length / text.lines.length;
  if ((!startsAlike && !endsAlike) || sizeRatio < 0.5 || sizeRatio > 2) return false;
  const shown = new Set(segment.lines.map((line) => line.trim()));
  const telling = file.filter((line) => !isTrivial(line));
  return telling.filter((line) => shown.has(line.trim())).length >= telling.length * 0.7;
}

function isVersionOf(line = "", other = ""): boolean {
  const name = declaredName(line);
  return line.trim() === other.trim() || (name !== null && name === declaredName(other));
}

function wholeFile(text: TextLines, lines: readonly string[]): string {
  return applyLineEdits(text, [{ start: 0, end: text.lines.length, lines }]);
}

/** Models wrap what they write in a Markdown fence; a file that has that fence itself keeps it. */
function withoutFence(codeEdit: string, file: string): string {
  const match = /^\s*```[\w+-]*[ \t]*\r?\n([\s\S]*?\n)?```\s*$/.exec(codeEdit);
  if (match === null || file.includes("```")) return codeEdit;
  return match[1] ?? "";
}
