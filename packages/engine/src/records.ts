import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { EngineSandboxSpec, SandboxId } from "@dormouse/schema";
import { z } from "zod";
import { type Layout, sandboxFiles } from "./layout.ts";

/** What was asked for; written before anything is started. */
export const SpecRecord = z.object({ spec: EngineSandboxSpec, createdAtMs: z.number() });
export type SpecRecord = z.infer<typeof SpecRecord>;

/** The running half; written once the sandbox serves, so a folder without it holds a create that was cut off. */
export const RunRecord = z.object({
  /** Process id of the sandbox's init on the host. */
  initPid: z.int(),
  /** Start time of that process, in clock ticks since boot: tells it from a later one with the same id. */
  initStartTicks: z.string(),
  slot: z.object({ name: z.string(), address: z.string() }),
});
export type RunRecord = z.infer<typeof RunRecord>;

export interface StoredSandbox extends SpecRecord {
  readonly run: RunRecord | undefined;
}

/** Replaces the file in one step, so a reader never sees half of it. No sync: the folder is worthless after a power cut anyway. */
export function writeRecord(file: string, record: SpecRecord | RunRecord): void {
  writeFileSync(`${file}.new`, JSON.stringify(record));
  renameSync(`${file}.new`, file);
}

/** Every sandbox folder on disk; undefined stands for one whose record cannot be read. */
export function readStoredSandboxes(layout: Layout): Map<SandboxId, StoredSandbox | undefined> {
  const ids = readdirSync(layout.sandboxesDir()).map((name) => SandboxId.parse(name));
  return new Map(ids.map((id) => [id, readStoredSandbox(layout, id)]));
}

function readStoredSandbox(layout: Layout, id: SandboxId): StoredSandbox | undefined {
  const files = sandboxFiles(layout, id);
  try {
    const record = SpecRecord.parse(JSON.parse(readFileSync(files.spec, "utf8")));
    const run = existsSync(files.run) ? RunRecord.parse(JSON.parse(readFileSync(files.run, "utf8"))) : undefined;
    return { ...record, run };
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/<pid>/stat (proc(5)), or undefined when no such process lives; zombies count as gone. */
export function processStartTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function isAlive(run: RunRecord): boolean {
  return processStartTicks(run.initPid) === run.initStartTicks;
}
