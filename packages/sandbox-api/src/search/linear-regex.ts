import { AppError } from "@dormouse/kernel";
import type { LinePattern } from "./grep.ts";

/** Text given at once, about 20 ms of the worst pattern. */
const MAX_TEXT_BYTES = 16 * 1024;

/**
 * A regular expression in RE2's syntax, whose time is in proportion to the text whatever the pattern: JavaScript's own could
 * hang, and nothing can interrupt it. Loaded on first use. @throws {AppError} INVALID_ARGUMENT
 */
export async function linearRegex(pattern: string, isCaseSensitive: boolean): Promise<LinePattern> {
  const { RE2JS, RE2JSException } = await import("re2js");
  try {
    const regex = RE2JS.compile(pattern, isCaseSensitive ? 0 : RE2JS.CASE_INSENSITIVE);
    const findIn = (line: string): number => {
      const matcher = regex.matcher(line);
      return matcher.find() ? matcher.start() : -1;
    };
    return { find: (text, from) => findInLines(findIn, text, from), maxTextBytes: MAX_TEXT_BYTES };
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause;
    throw new AppError("INVALID_ARGUMENT", `Cannot search with this regular expression: ${cause.message}`, { cause });
  }
}

/** Line by line: anchors mean the ends of a line, and no hit crosses them. */
function findInLines(findIn: (line: string) => number, text: string, from: number): number {
  for (let start = from; start <= text.length;) {
    const lineFeedAt = text.indexOf("\n", start);
    const end = lineFeedAt < 0 ? text.length : lineFeedAt;
    const hasReturn = end > start && text[end - 1] === "\r";
    const index = findIn(text.slice(start, hasReturn ? end - 1 : end));
    if (index >= 0) return start + index;
    start = end + 1;
  }
  return -1;
}
