import { editRefusal, quoted } from "./edit-refusal.ts";

/** Lines of a snippet that belong together: what stands between two unchanged-code markers. */
export interface Segment {
  /** Without blank lines at either end. */
  readonly lines: readonly string[];
  /** One-based line of the snippet it starts at. */
  readonly firstLine: number;
  readonly hasBlankBefore: boolean;
  readonly hasBlankAfter: boolean;
  readonly isAfterMarker: boolean;
  readonly isBeforeMarker: boolean;
}

const MAX_MARKER_CHARACTERS = 200;
const COMMENT_START = /^(?:\{\s*\/\*+|\/\*+|\/\/+|<!--|<%--|\{#|\(\*|#+|--+|;+|%+|'|rem\b)\s*/i;
const COMMENT_END = /\s*(?:\*+\/\s*\}?|-->|--%>|#\}|\*\))$/;
const ELLIPSIS_START = /^(?:\.{3,}|…+)\s*/;
const ELLIPSIS_END = /\s*(?:\.{3,}|…+)$/;
const BRACKETED = /^[[(<]\s*((?:\.{3}|…).*?)\s*[\])>]$/;

/** Words that say that something stays; a marker has one of them. */
const KEEPING = words("existing unchanged rest remaining remainder keep same omitted other previous stays");
const FILLING = words(
  "of the your this code file files function functions class method methods body content contents component module " +
    "implementation imports import definitions tests styles fields props lines text logic part parts section as is are in " +
    "it its and all here above below before no not changes changed change for brevity remain remains stay goes continues " +
    "everything else from original",
);
const WITHOUT_ELLIPSIS = new RegExp(
  "^(?:(?:the )?existing code(?: here| goes here| continues| below| above)?|(?:keep )?(?:the )?(?:rest|remainder) of (?:the |your |this )?\\w+" +
    "|unchanged(?: code| lines)?|keep (?:the )?existing \\w+|no changes?(?: here| below| above)?|(?:all )?other \\w+|code)" +
    "(?: (?:is|are|remains?|stays?))?(?: (?:unchanged|the same|as is))?$",
);
/** Only these leave no doubt when nothing but words stands there. */
const PLAIN_CERTAIN = /\b(?:existing code|rest of|remainder of|unchanged|the same|as is|no changes)\b/;

const INSIDE_A_LINE =
  /\{\s*(?:\.{3}|…)\s*\}|\/\*\s*(?:\.{3}|…)[^*]*\*\/|(?:\/\/|#|--|\/\*)\s*(?:\.{3}|…)?\s*(?:existing code|rest of the|unchanged)/i;

/** True for a line that holds code and leaves some out, as in `function f() { ... }`. */
export const abbreviatesInside = (line: string): boolean => INSIDE_A_LINE.test(line);

type MarkerKind = "worded" | "plain" | "bare";

/** `bare` is an ellipsis alone, which some languages also have as a statement; `plain` has no ellipsis. */
function markerKind(line: string): MarkerKind | null {
  const trimmed = line.trim();
  if (trimmed.length > MAX_MARKER_CHARACTERS) return null;
  const uncommented = trimmed.replace(COMMENT_START, "");
  const isComment = uncommented !== trimmed;
  const unclosed = isComment ? uncommented.replace(COMMENT_END, "") : trimmed;
  const body = (BRACKETED.exec(unclosed)?.[1] ?? unclosed).trim();
  const isStarted = ELLIPSIS_START.test(body);
  const text = body.replace(ELLIPSIS_START, "").replace(ELLIPSIS_END, "").toLowerCase();
  const isEnded = ELLIPSIS_END.test(body.replace(ELLIPSIS_START, ""));
  const spoken = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  if (spoken.length === 0) return isStarted && /^\W*$/.test(text) ? (isComment ? "worded" : "bare") : null;
  if (isStarted && isEnded && isComment) return "worded";
  if (isStarted || isEnded) return isAboutKeeping(spoken) ? "worded" : null;
  const plain = spoken.join(" ");
  return isComment && WITHOUT_ELLIPSIS.test(plain) && PLAIN_CERTAIN.test(plain) ? "plain" : null;
}

const isAboutKeeping = (spoken: readonly string[]): boolean =>
  spoken.some((word) => KEEPING.has(word)) && spoken.every((word) => KEEPING.has(word) || FILLING.has(word));

/**
 * Splits a snippet at its unchanged-code markers. `original` are the trimmed lines of the file, which decide where a marker
 * could also be a line of it. @throws {AppError} UNPROCESSABLE when that stays open, and when there is no code.
 */
export function splitAtMarkers(snippet: readonly string[], original: ReadonlySet<string>): Segment[] {
  const isMarker = markerTest(snippet, original);
  const segments: Segment[] = [];
  let from = 0;
  for (let at = 0; at <= snippet.length; at++) {
    if (at < snippet.length && !isMarker(at)) continue;
    const segment = segmentOf(snippet, from, at);
    if (segment !== null) segments.push(segment);
    from = at + 1;
  }
  if (segments.length === 0) throw editRefusal("the snippet holds no code", "send the lines that change");
  return segments;
}

/** True when a line leaves no doubt that unchanged code is left out there. */
export const hasMarker = (lines: readonly string[]): boolean => lines.some((line) => markerKind(line) === "worded");

function segmentOf(snippet: readonly string[], from: number, to: number): Segment | null {
  let first = from;
  let last = to - 1;
  while (first <= last && isBlank(snippet[first])) first++;
  while (last >= first && isBlank(snippet[last])) last--;
  if (first > last) return null;
  return {
    lines: snippet.slice(first, last + 1),
    firstLine: first + 1,
    hasBlankBefore: first > from,
    hasBlankAfter: last < to - 1,
    isAfterMarker: from > 0,
    isBeforeMarker: to < snippet.length,
  };
}

function markerTest(snippet: readonly string[], original: ReadonlySet<string>): (at: number) => boolean {
  const kinds = snippet.map(markerKind);
  const hasWorded = kinds.includes("worded");
  return (at) => {
    const kind = kinds[at] ?? null;
    if (kind === null) return false;
    const line = snippet[at] ?? "";
    const isInFile = original.has(line.trim());
    if (kind === "plain") return !isInFile;
    if (kind === "bare" && (isStubBody(snippet, at, original) || (isInFile && hasWorded))) return false;
    if (!isInFile) return true;
    const remedy = "write the markers in another way, such as // ... existing code ..., or send SEARCH/REPLACE blocks";
    throw editRefusal(`the file itself has the line ${quoted(line)}, so it cannot stand for unchanged code`, remedy);
  };
}

/** In Python an ellipsis below a new `def …:` is its body. */
function isStubBody(snippet: readonly string[], at: number, original: ReadonlySet<string>): boolean {
  const before = snippet
    .slice(0, at)
    .findLast((line) => !isBlank(line))
    ?.trim();
  return before !== undefined && before.endsWith(":") && !original.has(before);
}

const isBlank = (line: string | undefined): boolean => line === undefined || line.trim() === "";

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(" "));
}
