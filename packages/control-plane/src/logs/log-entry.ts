import type { LogSeverity } from "@dormouse/schema";

/** One line, before it is selected. */
export interface LogEntry {
  readonly atMs: number;
  /** Until then it may have been written: nobody knows better. */
  readonly untilMs?: number;
  /** Its place among those of its source: two of the same time and text are two. */
  readonly index: number;
  readonly message: string;
  readonly severity: LogSeverity;
}
