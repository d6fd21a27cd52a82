/** Rows under their headings in a frame of plain characters. */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(...[heading, ...rows.map((row) => row[column] ?? "")].map((cell) => Bun.stringWidth(cell))),
  );
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const line = (cells: readonly string[]): string =>
    `|${widths.map((width, column) => ` ${pad(cells[column] ?? "", width)} `).join("|")}|`;
  const body = rows.length === 0 ? [] : [...rows.map(line), rule];
  return [rule, line(headings), rule, ...body, ""].join("\n");
}

const pad = (cell: string, width: number): string => cell + " ".repeat(width - Bun.stringWidth(cell));

/** At most `width` columns, the last three of them dots where something is left out. */
export function truncate(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  return `${text.slice(0, Math.max(0, width - 3))}...`;
}
