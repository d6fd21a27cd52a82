import { editRefusal, quoted } from "./edit-refusal.ts";
import { findLines } from "./find-lines.ts";
import { indentOf, reindented } from "./indentation.ts";
import { applyLineEdits, splitText } from "./text-lines.ts";

interface SearchReplace {
  readonly search: readonly string[];
  readonly replace: readonly string[];
}

const START = /^<{5,9} ?SEARCH\s*$/;
const MIDDLE = /^={5,9}\s*$/;
const END = /^>{5,9} ?REPLACE\s*$/;

/** The blocks of an edit, null when it has none. @throws {AppError} UNPROCESSABLE when one is not complete. */
export function parseSearchReplace(edit: string): SearchReplace[] | null {
  const { lines } = splitText(edit);
  const blocks: SearchReplace[] = [];
  for (let at = lines.findIndex((line) => START.test(line)); at >= 0;) {
    const middle = lines.findIndex((line, index) => index > at && MIDDLE.test(line));
    const end = lines.findIndex((line, index) => index > middle && END.test(line));
    if (middle < 0 || end < 0) {
      throw editRefusal(`SEARCH block ${blocks.length + 1} is not complete`, "end it with ======= and >>>>>>> REPLACE");
    }
    blocks.push({ search: lines.slice(at + 1, middle), replace: lines.slice(middle + 1, end) });
    at = lines.findIndex((line, index) => index > end && START.test(line));
  }
  return blocks.length === 0 ? null : blocks;
}

/** Applies them one after the other. @throws {AppError} UNPROCESSABLE when a search is found nowhere or more than once. */
export function applySearchReplace(file: string, blocks: readonly SearchReplace[]): string {
  return blocks.reduce((text, block, index) => applyBlock(text, block, index + 1), file);
}

function applyBlock(file: string, { search, replace }: SearchReplace, nth: number): string {
  if (search.every((line) => line.trim() === "")) {
    if (file.trim() === "") return `${replace.join("\n")}\n`;
    throw editRefusal(`SEARCH block ${nth} is empty, and the file is not`, "name the lines to replace");
  }
  const text = splitText(file);
  const { places, isApproximate } = findLines(text.lines, search);
  const [start] = places;
  if (start === undefined) return replaceInsideLine(file, { search, replace }, nth);
  if (places.length > 1) throw severalTimes(search, nth, places.length);
  const from = indentOf(search[0] ?? "");
  const to = indentOf(text.lines[start] ?? "");
  const lines = isApproximate ? replace.map((line) => reindented(line, from, to)) : replace;
  return applyLineEdits(text, [{ start, end: start + search.length, lines }]);
}

function replaceInsideLine(file: string, { search, replace }: SearchReplace, nth: number): string {
  const [wanted = ""] = search;
  const parts = search.length === 1 ? file.split(wanted) : [file];
  if (parts.length === 2) return parts.join(replace.join("\n"));
  if (parts.length > 2) throw severalTimes(search, nth, parts.length - 1);
  throw editRefusal(
    `the lines of SEARCH block ${nth}, from ${quoted(wanted)}, are not in the file`,
    "read the file again",
  );
}

const severalTimes = (search: readonly string[], nth: number, count: number) =>
  editRefusal(
    `the lines of SEARCH block ${nth}, from ${quoted(search[0] ?? "")}, occur ${count} times in the file`,
    "add unchanged lines before or after them",
  );
