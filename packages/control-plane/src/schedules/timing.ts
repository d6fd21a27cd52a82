import { AppError } from "@dormouse/kernel";
import { Duration, durationMs, type ScheduleType } from "@dormouse/schema";
import { Cron } from "croner";
import { z } from "zod";

/** When a schedule runs, as it is kept. */
export interface Timing {
  readonly type: "cron" | "at";
  readonly value: string;
  readonly nextRunAtMs: number;
}

/** Five fields of digits, names, lists, ranges and steps: no nicknames, and nothing that means another time in every run. */
const CRON_PATTERN = /^([\dA-Za-z*,/-]+ ){4}[\dA-Za-z*,/-]+$/;
const Time = z.iso.datetime({ offset: true });

/** What a client asked for; a duration counts from `nowMs`. @throws {AppError} INVALID_ARGUMENT */
export function resolveTiming({ type, value }: { type: ScheduleType; value: string }, nowMs: number): Timing {
  if (type === "cron") return cronTiming(value.replaceAll(/\s+/g, " "), nowMs);
  if (type === "at") return { type, value, nextRunAtMs: futureTimeMs(value, nowMs) };
  const duration = Duration.safeParse(value);
  if (!duration.success) throw unacceptable(duration.error.issues[0]?.message ?? "expected a duration");
  const nextRunAtMs = nowMs + durationMs(duration.data);
  return { type: "at", value: new Date(nextRunAtMs).toISOString(), nextRunAtMs };
}

/** The first run after a moment; `undefined` when none will come. */
export function nextCronTimeMs(pattern: string, afterMs: number): number | undefined {
  return newCron(pattern).nextRun(new Date(afterMs))?.getTime();
}

/** The last run at or before a moment. */
export function latestCronTimeMs(pattern: string, nowMs: number): number | undefined {
  return newCron(pattern)
    .previousRuns(1, new Date(nowMs + 1))[0]
    ?.getTime();
}

function cronTiming(pattern: string, nowMs: number): Timing {
  if (!CRON_PATTERN.test(pattern)) throw unacceptable('expected five cron fields such as "0 8 * * 1-5", in UTC');
  const nextRunAtMs = parsedCronTimeMs(pattern, nowMs);
  if (nextRunAtMs === undefined) throw unacceptable(`"${pattern}" names a time that never comes`);
  return { type: "cron", value: pattern, nextRunAtMs };
}

function parsedCronTimeMs(pattern: string, afterMs: number): number | undefined {
  try {
    return nextCronTimeMs(pattern, afterMs);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^CronPattern: /, "") : "it is invalid";
    throw unacceptable(`"${pattern}" is no cron expression: ${reason}`);
  }
}

function futureTimeMs(text: string, nowMs: number): number {
  if (!Time.safeParse(text).success) throw unacceptable('expected a time such as "2030-01-01T00:00:00Z"');
  const atMs = Date.parse(text);
  if (atMs <= nowMs) throw unacceptable(`${text} is past`);
  return atMs;
}

const newCron = (pattern: string): Cron => new Cron(pattern, { mode: "5-part", timezone: "UTC" });

function unacceptable(reason: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot accept value: ${reason}`);
}
