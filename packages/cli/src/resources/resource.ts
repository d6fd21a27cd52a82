import type { TableColumn } from "../output/table.ts";

/** Anything the API answers: what it holds is looked for, and shown as `-` where it is not there. */
export type Item = object;

/** What decides how a cell is shown. */
export interface View {
  readonly utc: boolean;
  /** Undefined when the output is no terminal. */
  readonly columns: number | undefined;
  readonly nowMs: number;
}

export interface Column extends TableColumn {
  readonly cell: (item: Item, view: View) => string;
}

/** A kind of thing the command line can show and delete. */
export interface Resource {
  /** As in `Sandbox`. */
  readonly kind: string;
  /** As in `sandboxes`. */
  readonly plural: string;
  readonly columns: readonly Column[];
}

type Fields = Readonly<Record<string, unknown>>;

/** The value at a path such as `spec.runtime.image`. */
export function valueAt(item: Item, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (value, key) => (typeof value === "object" && value !== null ? (value as Fields)[key] : undefined),
      item,
    );
}

/** What is shown for a value that is not there. */
export const NOTHING = "-";

export function textAt(item: Item, path: string): string {
  const value = valueAt(item, path);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" && value !== "" ? value : NOTHING;
}

export const textColumn = (heading: string, path: string, whenNarrow?: Column["whenNarrow"]): Column => ({
  heading,
  whenNarrow,
  cell: (item) => textAt(item, path),
});

export const dateColumn = (heading: string, path: string): Column => ({
  heading,
  whenNarrow: "leave out",
  cell: (item, view) => formatTime(textAt(item, path), view).slice(0, "YYYY-MM-DD".length),
});

export const timeColumn = (heading: string, path: string): Column => ({
  heading,
  whenNarrow: "leave out",
  cell: (item, view) => formatTime(textAt(item, path), view),
});

/** `YYYY-MM-DD HH:MM:SS`, local unless asked otherwise; text that is no time stays as it is. */
export function formatTime(text: string, { utc }: Pick<View, "utc">): string {
  const time = new Date(text);
  if (text === NOTHING || Number.isNaN(time.getTime())) return text;
  const shiftMs = utc ? 0 : time.getTimezoneOffset() * 60_000;
  return new Date(time.getTime() - shiftMs).toISOString().slice(0, "YYYY-MM-DDTHH:MM:SS".length).replace("T", " ");
}
