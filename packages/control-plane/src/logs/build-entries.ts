import type { WorkspaceName } from "@dormouse/schema";
import { openBuildLog } from "../builds/build-log.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import type { LogEntry } from "./log-entry.ts";

/** Of the latest build of that name, be it of a sandbox or of an image; also while there is no sandbox yet. */
export async function buildEntries(
  context: SandboxContext,
  workspace: WorkspaceName,
  name: string,
): Promise<LogEntry[]> {
  const build = context.builds.latest(workspace, name);
  if (build === undefined) return [];
  const log = await new Response(openBuildLog(context, build, { follow: false })).text();
  const failure = build.failure?.message;
  return log.split("\n").flatMap((line, index): LogEntry[] => {
    const [, time = "", message = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
    const atMs = Date.parse(time);
    if (Number.isNaN(atMs)) return [];
    return [{ atMs, index, message, severity: message === failure ? "ERROR" : "INFO" }];
  });
}
