import type { Migration } from "kysely/migration";

/** Executions belong to the sandbox, not to their schedule: an `at` schedule is gone when its execution is read. */
export const schedules: Migration = {
  async up(db) {
    await db.schema
      .createTable("schedules")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("sandbox_id", "text", (column) => column.notNull().references("sandboxes.id").onDelete("cascade"))
      .addColumn("schedule_id", "text", (column) => column.notNull())
      .addColumn("type", "text", (column) => column.notNull())
      .addColumn("value", "text", (column) => column.notNull())
      .addColumn("input", "text", (column) => column.notNull())
      .addColumn("max_executions", "integer", (column) => column.notNull())
      .addColumn("search_text", "text", (column) => column.notNull())
      .addColumn("next_run_at_ms", "bigint")
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addUniqueConstraint("schedules_schedule_id", ["sandbox_id", "schedule_id"])
      .execute();
    await db.schema.createIndex("schedules_next_run").on("schedules").column("next_run_at_ms").execute();
    await db.schema
      .createTable("schedule_executions")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("sandbox_id", "text", (column) => column.notNull().references("sandboxes.id").onDelete("cascade"))
      .addColumn("schedule_id", "text", (column) => column.notNull())
      .addColumn("due_at_ms", "bigint", (column) => column.notNull())
      .addColumn("process_name", "text", (column) => column.notNull())
      .addColumn("timeout_s", "integer", (column) => column.notNull())
      .addColumn("status", "text")
      .addColumn("status_code", "integer", (column) => column.notNull())
      .addColumn("error", "text")
      .addColumn("search_text", "text", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("executed_at_ms", "bigint", (column) => column.notNull())
      .addUniqueConstraint("schedule_executions_due", ["sandbox_id", "schedule_id", "due_at_ms"])
      .execute();
    await db.schema
      .createIndex("schedule_executions_created")
      .on("schedule_executions")
      .columns(["sandbox_id", "created_at_ms", "id"])
      .execute();
  },
};
