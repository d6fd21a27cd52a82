import { z } from "zod";

/* Lines of a backup file, each a JSON object: the header, rows of one table after the other, and the end. */

export const BackupHeader = z.strictObject({
  format: z.literal("dormouse-backup"),
  version: z.literal(1),
  /** Latest migration of the database: says which tables and columns there are. */
  migration: z.string(),
  createdAt: z.iso.datetime(),
});
export type BackupHeader = z.infer<typeof BackupHeader>;

export const BackupRows = z.strictObject({
  table: z.string(),
  rows: z.array(z.record(z.string(), z.union([z.string(), z.number(), z.null()]))).min(1),
});
export type BackupRows = z.infer<typeof BackupRows>;

/** A file without it was cut off. */
export const BackupEnd = z.strictObject({
  /** Rows of all tables. */
  rowCount: z.number().int().nonnegative(),
});
export type BackupEnd = z.infer<typeof BackupEnd>;
