import type { PreviewRecord } from "@dormouse/store";

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** When a preview stops answering: at `expires` or `ttl` after its creation, whichever comes first. */
export function previewExpiresAtMs({ spec, createdAtMs }: PreviewRecord): number | undefined {
  const limits: number[] = [];
  if (spec.expires !== undefined) limits.push(Date.parse(spec.expires));
  if (spec.ttl !== undefined) limits.push(createdAtMs + durationMs(spec.ttl));
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** `duration` as the schema accepts it: digits and one of `s m h d w`. */
function durationMs(duration: string): number {
  return Number(duration.slice(0, -1)) * UNIT_MS[duration.slice(-1) as keyof typeof UNIT_MS];
}
