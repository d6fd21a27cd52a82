import type { WorkspaceName } from "@dormouse/schema";
import type { ProgramOutput } from "../ports.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import type { LogEntry } from "./log-entry.ts";

/** A sandbox that does not answer keeps nobody from the log of its build. */
const ANSWER_MAX_MS = 10_000;

/** What the programs of a sandbox have written. Asking wakes it. */
export async function runtimeEntries(
  { store, calls }: SandboxContext,
  workspace: WorkspaceName,
  name: string,
): Promise<LogEntry[]> {
  const sandbox = await store.sandboxes.find(workspace, name);
  if (sandbox?.status !== "DEPLOYED") return [];
  const outputs = await calls.readOutput(sandbox.id, AbortSignal.timeout(ANSWER_MAX_MS)).catch(() => []);
  return outputs.flatMap((output) => entriesOf(output, sandbox.createdAtMs));
}

/** Lines carry no time of their own: each has that of its program's start, and may be as late as its end. */
function entriesOf({ name, startedAtMs, endedAtMs, stdout, stderr }: ProgramOutput, bornAtMs: number): LogEntry[] {
  const time = { atMs: startedAtMs ?? bornAtMs, untilMs: endedAtMs ?? Number.POSITIVE_INFINITY };
  const lines = [
    ...linesOf(stdout).map((line) => ({ line, severity: "INFO" as const })),
    ...linesOf(stderr).map((line) => ({ line, severity: "WARNING" as const })),
  ];
  return lines.map(({ line, severity }, index) => ({ ...time, index, message: `[${name}] ${line}`, severity }));
}

const linesOf = (output: string): string[] => output.split("\n").filter((line) => line !== "");
