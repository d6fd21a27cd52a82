import { durationMs } from "@dormouse/schema";
import type { PreviewRecord } from "@dormouse/store";

/** When a preview stops answering: at `expires` or `ttl` after its creation, whichever comes first. */
export function previewExpiresAtMs({ spec, createdAtMs }: PreviewRecord): number | undefined {
  const limits: number[] = [];
  if (spec.expires !== undefined) limits.push(Date.parse(spec.expires));
  if (spec.ttl !== undefined) limits.push(createdAtMs + durationMs(spec.ttl));
  return limits.length === 0 ? undefined : Math.min(...limits);
}
