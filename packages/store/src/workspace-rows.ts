import { AppError } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import type { Tables, WorkspacesTable } from "./tables.ts";

export interface WorkspaceRecord {
  readonly name: WorkspaceName;
  /** Unlike the name, never given to another workspace. */
  readonly id: string;
  readonly accountId: string;
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Id of a user. */
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** @throws {AppError} WORKSPACE_ALREADY_EXISTS */
export async function insertWorkspaceRow(db: Kysely<Tables>, record: WorkspaceRecord): Promise<void> {
  const inserted = await db
    .insertInto("workspaces")
    .values(toWorkspaceRow(record))
    .onConflict((conflict) => conflict.doNothing())
    .returning("name")
    .executeTakeFirst();
  if (inserted !== undefined) return;
  throw new AppError("WORKSPACE_ALREADY_EXISTS", `Cannot create workspace "${record.name}": the name is taken`, {
    hint: "Choose another name",
  });
}

/** Deletes those of the workspaces it is narrowed to that have no volumes, images, or sandboxes that are not over. */
export function deleteEmptyWorkspaces(db: Kysely<Tables>) {
  return db
    .deleteFrom("workspaces")
    .where("name", "not in", (eb) => eb.selectFrom("sandboxes").select("workspace").where("status", "!=", "TERMINATED"))
    .where("name", "not in", (eb) => eb.selectFrom("volumes").select("workspace"))
    .where("name", "not in", (eb) => eb.selectFrom("images").select("workspace"));
}

function toWorkspaceRow(record: WorkspaceRecord): Selectable<WorkspacesTable> {
  return {
    name: record.name,
    id: record.id,
    account_id: record.accountId,
    display_name: record.displayName,
    labels: JSON.stringify(record.labels),
    created_by: record.createdBy,
    created_at_ms: record.createdAtMs,
    updated_at_ms: record.updatedAtMs,
  };
}

export function fromWorkspaceRow(row: Selectable<WorkspacesTable>): WorkspaceRecord {
  return {
    name: row.name as WorkspaceName,
    id: row.id,
    accountId: row.account_id,
    displayName: row.display_name,
    labels: JSON.parse(row.labels) as Record<string, string>,
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}
