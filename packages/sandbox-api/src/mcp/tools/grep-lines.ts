import type { GrepMatch } from "../../search/grep-regex.ts";

/** A line this long has been cut by the search, so that offsets into it mean nothing. */
const LONGEST_WHOLE_LINE = 1000;

/**
 * Matches as `ripgrep --json` prints them: a line of JSON each, `begin`, `match` and `end` for every file. Offsets in the file and the
 * length of a hit are not known here: there is no `absolute_offset`, and a submatch only says where it starts.
 */
export function toGrepLines(matches: readonly GrepMatch[]): string {
  const files = Map.groupBy(matches, ({ path }) => path);
  const events = [...files].flatMap(([path, found]) => [
    { type: "begin", data: { path: { text: path } } },
    ...found.map(matchEvent),
    { type: "end", data: { path: { text: path }, binary_offset: null, stats: { matched_lines: found.length } } },
  ]);
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}

function matchEvent({ path, line, column, text }: GrepMatch) {
  const at = column - 1;
  const submatches = text.length > LONGEST_WHOLE_LINE ? [] : [{ match: { text: "" }, start: at, end: at }];
  const data = { path: { text: path }, lines: { text: `${text}\n` }, line_number: line, submatches };
  return { type: "match", data };
}
