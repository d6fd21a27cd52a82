import { z } from "zod";

/** How grave a line is, by the names that clients filter with, as OpenTelemetry counts. */
export const LOG_SEVERITIES = {
  UNKNOWN: 0,
  TRACE: 1,
  DEBUG: 5,
  INFO: 9,
  WARNING: 13,
  ERROR: 17,
  FATAL: 21,
} as const;
export type LogSeverity = keyof typeof LOG_SEVERITIES;

const LINES_MAX_COUNT = 1000;

/** Without a zone it is UTC. */
const Time = z
  .string()
  .transform((time) => (/(Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`))
  .refine((time) => !Number.isNaN(Date.parse(time)), 'expected a time such as "2030-01-01T00:00:00"')
  .transform((time) => Date.parse(time));

/** One in whole seconds, as command lines send it, takes in all of its second. */
const EndTime = z
  .string()
  .transform((time) => time.replace(/T\d\d:\d\d:\d\d(?=Z|[+-]|$)/, "$&.999"))
  .pipe(Time);

const optional = <T extends z.ZodType>(schema: T) => z.preprocess((value) => value || undefined, schema);

/** Query of `GET /observability/logs`. Others of its many parameters mean nothing here. */
export const LogQuery = z.object({
  /** Names of sandboxes or images, with commas between them. */
  workloadIds: z
    .string()
    .min(1)
    .transform((names) => names.split(",").slice(0, 20)),
  /** `images` leaves out what programs of a sandbox of that name have written. */
  resourceType: z.string().optional(),
  start: optional(Time.optional()),
  end: optional(EndTime.optional()),
  limit: optional(z.coerce.number().int().min(1).max(LINES_MAX_COUNT).default(LINES_MAX_COUNT)),
  offset: z.coerce.number().int().min(0).default(0),
  /** Names of `LOG_SEVERITIES`, or `all`, with commas between them. */
  severity: z.string().optional(),
  search: z.string().max(1024).optional(),
});
export type LogQuery = z.infer<typeof LogQuery>;

export const LogLine = z.object({
  /** RFC 3339 with nanoseconds: no two lines of a source have the same. */
  timestamp: z.string(),
  message: z.string(),
  severity: z.number(),
  trace_id: z.string(),
});
export type LogLine = z.infer<typeof LogLine>;

/** By name, each newest first. */
export const LogsAnswer = z.record(z.string(), z.object({ logs: z.array(LogLine), totalCount: z.number() }));
export type LogsAnswer = z.infer<typeof LogsAnswer>;
