import { AppError } from "@dormouse/kernel";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;

/** Milliseconds of `1h`, `15m`, `1h30m`, `90s`: durations as Go writes them. @throws {AppError} INVALID_ARGUMENT */
export function parseGoDuration(text: string): number {
  const parts = [...text.matchAll(PART)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join("") === text;
  if (!isWhole) {
    throw new AppError("INVALID_ARGUMENT", `Cannot read the duration "${text}": it has no number with a unit`, {
      hint: 'Write it such as "90s", "15m" or "1h30m"',
    });
  }
  return parts.reduce((totalMs, [, count, unit]) => totalMs + Number(count) * (UNIT_MS[unit ?? ""] ?? 0), 0);
}

/** As Go prints it: `1h0m0s`, `1m30s`, `45s`. */
export function formatGoDuration(durationMs: number): string {
  const totalSeconds = Math.round(durationMs / 1000);
  const [hours, minutes, seconds] = [
    Math.floor(totalSeconds / 3600),
    Math.floor(totalSeconds / 60) % 60,
    totalSeconds % 60,
  ];
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
