import { createHash } from "node:crypto";
import { AppError } from "@dormouse/kernel";
import type { SandboxListQuery, SandboxSort } from "@dormouse/schema";
import { sql, type RawBuilder, type SqlBool } from "kysely";

const COLUMNS = { createdAt: "created_at_ms", name: "name" } as const;
const CURSOR_LIFE_MS = 24 * 3_600_000;

interface SortedRow {
  readonly id: string;
  readonly name: string;
  readonly created_at_ms: number;
}

/** What the cursors of a list depend on; not every list has every filter. */
type ListQuery = Pick<SandboxListQuery, "sort"> & Partial<SandboxListQuery>;

interface ReadingOrder {
  readonly column: "created_at_ms" | "name";
  readonly direction: "asc" | "desc";
}

/** The order rows are read in: that of the list, or the other way round when it starts at its end. */
export function readingOrder({ sort, anchor }: ListQuery): ReadingOrder {
  const { column, direction } = sortColumn(sort);
  if (anchor === undefined) return { column, direction };
  return { column, direction: direction === "asc" ? "desc" : "asc" };
}

function sortColumn(sort: SandboxSort): ReadingOrder {
  const [key, direction] = sort.split(":") as ["createdAt" | "name", "asc" | "desc"];
  return { column: COLUMNS[key], direction };
}

/** The cursor of the page that ends with `row`; clients hand it back unread, within 24 hours. */
export function encodeCursor(query: ListQuery, row: SortedRow, nowMs: number): string {
  const position = [fingerprint(query), nowMs, row[readingOrder(query).column], row.id];
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}

/** Condition for the rows behind `cursor`. @throws {AppError} INVALID_ARGUMENT unless it comes from this list, not long ago. */
export function startAfter(query: ListQuery, cursor: string, nowMs: number): RawBuilder<SqlBool> {
  const [list, issuedAtMs, value, id] = parseArray(Buffer.from(cursor, "base64url").toString());
  const { column, direction } = readingOrder(query);
  const isValue = typeof value === (column === "name" ? "string" : "number");
  if (list !== fingerprint(query) || typeof issuedAtMs !== "number" || !isValue || typeof id !== "string") {
    throw unusable("the cursor does not belong to it");
  }
  if (nowMs - issuedAtMs > CURSOR_LIFE_MS) throw unusable("the cursor is older than 24 hours");
  const compare = sql.raw(direction === "asc" ? ">" : "<");
  return sql<SqlBool>`(${sql.ref(column)}, id) ${compare} (${value}, ${id})`;
}

/** Says which list a cursor continues: its order and its filters, not the length of its pages. */
function fingerprint({ sort, anchor, q, status, externalId, showTerminated }: ListQuery): string {
  const list = JSON.stringify([sort, anchor, q, status, externalId, showTerminated]);
  return createHash("sha256").update(list).digest("base64url").slice(0, 12);
}

function unusable(state: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot continue the list: ${state}`, {
    hint: "Start again without a cursor",
  });
}

function parseArray(json: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(json);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}
