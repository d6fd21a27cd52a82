export interface TableColumn {
  readonly heading: string;
  /** What gives way in a terminal that is too narrow; what has neither stays whole, to be copied. */
  readonly whenNarrow?: "cut" | "leave out" | undefined;
}

interface SizedColumn extends TableColumn {
  /** Where its cells are in a row. */
  readonly index: number;
  /** In columns of a terminal. */
  readonly width: number;
}

/** Narrower than this a text says nothing. */
const CUT_MIN_WIDTH = 8;

/** Rows under their headings in a frame of plain characters, where possible no wider than `maxWidth` columns of a terminal. */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  maxWidth = Number.POSITIVE_INFINITY,
): string {
  const natural = columns.map((column, index) => {
    const cells = [column.heading, ...rows.map((row) => row[index] ?? "")];
    return { ...column, index, width: Math.max(...cells.map((cell) => Bun.stringWidth(cell))) };
  });
  const shown = fit(natural, maxWidth);
  const rule = `+${shown.map(({ width }) => "-".repeat(width + 2)).join("+")}+`;
  const line = (cells: readonly string[]): string =>
    `|${shown.map(({ index, width }) => ` ${pad(truncate(cells[index] ?? "", width), width)} `).join("|")}|`;
  const body = rows.length === 0 ? [] : [...rows.map(line), rule];
  return [rule, line(columns.map(({ heading }) => heading)), rule, ...body, ""].join("\n");
}

/** Cuts what may be cut, the widest first; where that is not enough, leaves columns out, from the left. */
function fit(columns: readonly SizedColumn[], maxWidth: number): readonly SizedColumn[] {
  const cut = columns.map((column) => ({ ...column }));
  for (let excess = widthOf(cut) - maxWidth; excess > 0; excess -= 1) {
    const widest = cut
      .filter(({ whenNarrow, width }) => whenNarrow === "cut" && width > CUT_MIN_WIDTH)
      .toSorted((one, other) => other.width - one.width)[0];
    if (widest === undefined) {
      const index = columns.findIndex(({ whenNarrow }) => whenNarrow === "leave out");
      return index === -1 ? cut : fit(columns.toSpliced(index, 1), maxWidth);
    }
    widest.width -= 1;
  }
  return cut;
}

/** With the frame. */
const widthOf = (columns: readonly SizedColumn[]): number => columns.reduce((total, { width }) => total + width + 3, 1);

const pad = (cell: string, width: number): string => cell + " ".repeat(width - Bun.stringWidth(cell));

/** At most `width` columns, the last of them "…" where something is left out. */
export function truncate(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  const kept = Bun.sliceAnsi(text, 0, Math.max(0, width - 1));
  // A wide character that begins before the end is in the slice as a whole.
  return `${Bun.stringWidth(kept) < width ? kept : Bun.sliceAnsi(text, 0, width - 2)}…`;
}
