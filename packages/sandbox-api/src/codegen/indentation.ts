const TAB_COLUMNS = 4;

export function indentOf(line: string): string {
  return /^[ \t]*/.exec(line)?.[0] ?? "";
}

/** Width of the white space a line starts with, in columns. */
export function indentColumns(line: string): number {
  let columns = 0;
  for (const character of indentOf(line)) columns += character === "\t" ? TAB_COLUMNS : 1;
  return columns;
}

/** `snippet` with tabs where the file has only tabs, with spaces where it has only spaces. */
export function adoptIndentCharacter(snippet: readonly string[], original: readonly string[]): readonly string[] {
  const wanted = indentCharacter(original);
  const given = indentCharacter(snippet);
  if (wanted === null || given === null || wanted === given) return snippet;
  const unit =
    unitByMatches(snippet, original, given) ?? (given === " " ? smallestIndent(snippet) : smallestIndent(original));
  return snippet.map((line) => converted(line, wanted, unit));
}

function converted(line: string, wanted: "\t" | " ", unit: number): string {
  const indent = indentOf(line);
  if (wanted === " ") return indent.replaceAll("\t", " ".repeat(unit)) + line.slice(indent.length);
  const tabs = Math.floor(indent.length / unit);
  return "\t".repeat(tabs) + " ".repeat(indent.length - tabs * unit) + line.slice(indent.length);
}

/** The one character all indented lines start with; null when there is none or both occur. */
function indentCharacter(lines: readonly string[]): "\t" | " " | null {
  let tabs = 0;
  let spaces = 0;
  for (const line of lines) {
    if (line.startsWith("\t")) tabs++;
    // One space before a star is a block comment in files of either kind.
    else if (line.startsWith("  ")) spaces++;
  }
  if (tabs > 0 && spaces > 0) return null;
  return tabs > 0 ? "\t" : spaces > 0 ? " " : null;
}

/** Spaces a tab stands for, from the first line both texts have. */
function unitByMatches(snippet: readonly string[], original: readonly string[], given: "\t" | " "): number | null {
  const indents = new Map<string, number>();
  for (const line of original) indents.set(line.trim(), indentOf(line).length);
  for (const line of snippet) {
    const ours = indentOf(line).length;
    const theirs = indents.get(line.trim()) ?? 0;
    const unit = given === " " ? ours / theirs : theirs / ours;
    if (line.trim().length > 3 && ours > 0 && theirs > 0 && Number.isInteger(unit)) return unit;
  }
  return null;
}

function smallestIndent(lines: readonly string[]): number {
  const widths = lines.filter((line) => line.startsWith("  ")).map((line) => indentOf(line).length);
  return widths.length === 0 ? TAB_COLUMNS : Math.min(...widths);
}

/** `line` moved by as much as `from` would have to be moved to start where `to` starts. */
export function reindented(line: string, from: string, to: string): string {
  if (from === to || line.trim() === "") return line;
  const indent = indentOf(line);
  const rest = line.slice(indent.length);
  if (indent.startsWith(from)) return to + indent.slice(from.length) + rest;
  const missing = from.length - indent.length;
  return (missing >= to.length ? "" : to.slice(0, to.length - missing)) + rest;
}
