import { LOG_SEVERITIES, type LogLine, type LogQuery, type LogsAnswer, type WorkspaceName } from "@dormouse/schema";
import type { SandboxContext } from "../sandboxes/context.ts";
import { buildEntries } from "./build-entries.ts";
import type { LogEntry } from "./log-entry.ts";
import { runtimeEntries } from "./runtime-entries.ts";

/** What builds and programs of these names have written; a name that nothing has is answered too, with no line. */
export async function findLogs(
  context: SandboxContext,
  workspace: WorkspaceName,
  query: LogQuery,
): Promise<LogsAnswer> {
  const found = query.workloadIds.map(async (name) => {
    const entries = await Promise.all([
      buildEntries(context, workspace, name),
      query.resourceType === "images" ? [] : runtimeEntries(context, workspace, name),
    ]);
    return [name, select(entries.flat(), query)] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

function select(entries: readonly LogEntry[], query: LogQuery): LogsAnswer[string] {
  const { start = 0, end = Number.POSITIVE_INFINITY, offset, limit } = query;
  const search = query.search?.toLowerCase() ?? "";
  const severities = wantedSeverities(query.severity);
  const matching = entries.filter(
    ({ atMs, untilMs, message, severity }) =>
      atMs <= end &&
      (untilMs ?? atMs) >= start &&
      (severities === undefined || severities.has(severity)) &&
      message.toLowerCase().includes(search),
  );
  const newestFirst = matching.map(toLine).toSorted((one, other) => (one.timestamp < other.timestamp ? 1 : -1));
  return { logs: newestFirst.slice(offset, offset + limit), totalCount: matching.length };
}

/** `undefined`: every one. */
function wantedSeverities(severity: string | undefined): ReadonlySet<string> | undefined {
  const names = (severity ?? "").split(",").filter((name) => name !== "");
  return names.length === 0 || names.includes("all") ? undefined : new Set(names);
}

/** Lines of one millisecond keep their order by what stands behind it. */
function toLine({ atMs, index, message, severity }: LogEntry): LogLine {
  const nanoseconds = String(index % 1_000_000).padStart(6, "0");
  return {
    timestamp: new Date(atMs).toISOString().replace("Z", `${nanoseconds}Z`),
    message,
    severity: LOG_SEVERITIES[severity],
    trace_id: "",
  };
}
