import type { Client } from "./client.ts";

export interface LogEntry {
  /** RFC 3339 with nanoseconds. */
  readonly timestamp: string;
  readonly message: string;
  readonly severity?: number;
}

export interface LogQuery {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Comma-separated, such as `WARNING,ERROR`. */
  readonly severity?: string | undefined;
  readonly search?: string | undefined;
}

/** Most lines that one answer holds. */
const LIMIT = 1000;

/** What a sandbox, or the build of an image of that name, has logged; oldest first. */
export async function readLogs(
  client: Client,
  { name, startMs, endMs, severity, search }: LogQuery,
): Promise<readonly LogEntry[]> {
  const answer = await client.request<Readonly<Record<string, { readonly logs?: readonly LogEntry[] | null }>>>(
    "GET",
    "/observability/logs",
    {
      query: {
        start: timeOf(startMs),
        end: timeOf(endMs),
        resourceType: "sandboxes",
        workloadIds: name,
        type: "all",
        limit: LIMIT,
        offset: 0,
        severity,
        search,
        interval: 60,
        workspace: client.workspace,
      },
    },
  );
  return (answer[name]?.logs ?? []).toReversed();
}

/** In UTC, without saying so: as Blaxel's command line writes it. */
const timeOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, "YYYY-MM-DDTHH:MM:SS".length);
