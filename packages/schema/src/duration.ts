import { z } from "zod";

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Far enough for everybody, and near enough for every date to exist. */
const DURATION_MAX_MS = 36_500 * UNIT_MS.d;

/** A length of time as Blaxel's clients write it: digits and one of `s m h d w`; 100 years at most. */
export const Duration = z
  .string()
  .regex(/^[1-9]\d{0,9}[smhdw]$/, 'expected a duration such as "30m", "24h" or "7d", of the units s, m, h, d and w')
  .refine((duration) => durationMs(duration) <= DURATION_MAX_MS, "must not be longer than 100 years");

/** `duration` as `Duration` accepts it. */
export function durationMs(duration: string): number {
  return Number(duration.slice(0, -1)) * UNIT_MS[duration.slice(-1) as keyof typeof UNIT_MS];
}
