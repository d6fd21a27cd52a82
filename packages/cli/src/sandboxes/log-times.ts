import { AppError } from "@dormouse/kernel";

export interface TimeOptions {
  /** As in `30m`. */
  readonly period?: string;
  readonly start?: string;
  readonly end?: string;
}

export interface LogTimes {
  readonly startMs: number;
  readonly endMs: number;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const DEFAULT_PERIOD_MS = 3_600_000;
const MAX_SPAN_MS = 3 * 86_400_000;

/** From when to when logs are wanted; the last hour unless said otherwise. @throws {AppError} INVALID_ARGUMENT */
export function logTimes({ period, start, end }: TimeOptions, nowMs: number): LogTimes {
  const endMs = end === undefined ? nowMs : timeMs(end);
  const periodMs = period === undefined ? DEFAULT_PERIOD_MS : lengthMs(period);
  const startMs = start === undefined ? endMs - periodMs : timeMs(start);
  if (startMs >= endMs) throw new AppError("INVALID_ARGUMENT", "Cannot show logs: the start is not before the end");
  if (endMs - startMs <= MAX_SPAN_MS) return { startMs, endMs };
  throw new AppError("INVALID_ARGUMENT", "Cannot show logs of more than 3 days at once", {
    hint: "Give an earlier --end",
  });
}

function lengthMs(period: string): number {
  const [, count = "", unit = ""] = /^(\d+)([smhdw])$/.exec(period) ?? [];
  const unitMs = UNIT_MS[unit];
  if (unitMs !== undefined) return Number(count) * unitMs;
  throw new AppError("INVALID_ARGUMENT", `Cannot read period "${period}": expected such as 30m, 6h or 2d`);
}

/** A day alone is its noon in UTC, as in Blaxel's command line. */
function timeMs(text: string): number {
  const parsedMs = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T12:00:00Z` : text);
  if (!Number.isNaN(parsedMs)) return parsedMs;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot read time "${text}": expected such as 2026-01-31T08:00:00Z or 2026-01-31`,
  );
}
