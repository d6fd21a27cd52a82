/** A text as lines without their ends, and the ends beside them, so that what is kept is kept to the byte. */
export interface TextLines {
  readonly lines: readonly string[];
  /** `\n`, `\r\n`, or nothing for a last line that has no end. */
  readonly endings: readonly string[];
}

/** Replaces the lines from `start` up to, not including, `end`. */
export interface LineEdit {
  readonly start: number;
  readonly end: number;
  readonly lines: readonly string[];
}

export function splitText(text: string): TextLines {
  const lines: string[] = [];
  const endings: string[] = [];
  for (let from = 0; from < text.length;) {
    const at = text.indexOf("\n", from);
    const to = at < 0 ? text.length : at;
    const hasReturn = at > from && text[at - 1] === "\r";
    lines.push(text.slice(from, hasReturn ? to - 1 : to));
    endings.push(at < 0 ? "" : hasReturn ? "\r\n" : "\n");
    from = to + 1;
  }
  return { lines, endings };
}

/**
 * The text after the edits, which are in order and do not overlap. New lines end as most others do; the last line has an end
 * when the text had one there, unless `hasFinalNewline` says otherwise.
 */
export function applyLineEdits(text: TextLines, edits: readonly LineEdit[], hasFinalNewline?: boolean): string {
  const usual = usualEnding(text.endings);
  const parts: string[] = [];
  const keep = (from: number, to: number) => {
    for (let at = from; at < to; at++) parts.push(text.lines[at] ?? "", text.endings[at] || usual);
  };
  let keptTo = 0;
  for (const { start, end, lines } of edits) {
    keep(keptTo, start);
    for (const line of lines) parts.push(line, usual);
    keptTo = end;
  }
  keep(keptTo, text.lines.length);
  const isEnded = hasFinalNewline ?? text.endings.at(-1) !== "";
  if (!isEnded) parts.pop();
  return parts.join("");
}

function usualEnding(endings: readonly string[]): string {
  const windowsCount = endings.reduce((count, ending) => count + (ending === "\r\n" ? 1 : 0), 0);
  return windowsCount * 2 > endings.length ? "\r\n" : "\n";
}
