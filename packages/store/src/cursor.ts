import { AppError } from "@dormouse/kernel";
import type { SandboxSort } from "@dormouse/schema";
import { sql, type RawBuilder, type SqlBool } from "kysely";

const COLUMNS = { createdAt: "created_at_ms", name: "name" } as const;

interface SortedRow {
  readonly id: string;
  readonly name: string;
  readonly created_at_ms: number;
}

export function sortColumn(sort: SandboxSort): { column: "created_at_ms" | "name"; direction: "asc" | "desc" } {
  const [key, direction] = sort.split(":") as ["createdAt" | "name", "asc" | "desc"];
  return { column: COLUMNS[key], direction };
}

/** The cursor of the page that ends with `row`; clients hand it back unread. */
export function encodeCursor(sort: SandboxSort, row: SortedRow): string {
  const { column } = sortColumn(sort);
  return Buffer.from(JSON.stringify([sort, row[column], row.id])).toString("base64url");
}

/** Condition for the rows behind `cursor`. @throws {AppError} INVALID_ARGUMENT unless it comes from a list of this order. */
export function startAfter(sort: SandboxSort, cursor: string): RawBuilder<SqlBool> {
  const [cursorSort, value, id] = parseArray(Buffer.from(cursor, "base64url").toString());
  const { column, direction } = sortColumn(sort);
  const isValue = typeof value === (column === "name" ? "string" : "number");
  if (cursorSort !== sort || !isValue || typeof id !== "string") {
    throw new AppError("INVALID_ARGUMENT", "Cannot continue the list: the cursor does not belong to it", {
      hint: "Start again without a cursor",
    });
  }
  const compare = sql.raw(direction === "asc" ? ">" : "<");
  return sql<SqlBool>`(${sql.ref(column)}, id) ${compare} (${value}, ${id})`;
}

function parseArray(json: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(json);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}
