import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { AppError } from "@dormouse/kernel";
import { EngineSandboxSpec, SandboxId, SandboxRestart } from "@dormouse/schema";
import { z } from "zod";
import { ImageManifest } from "./images/manifest.ts";
import { type Layout, type SandboxFiles, sandboxFiles } from "./layout.ts";

/** What was asked for; written before anything is started. */
export const SpecRecord = z.object({
  spec: EngineSandboxSpec,
  createdAtMs: z.number(),
  /** What it starts from, also when another image has its name by then; absent in records of earlier versions. */
  image: ImageManifest.optional(),
});
export type SpecRecord = z.infer<typeof SpecRecord>;

/** The running half; written once the sandbox serves, so a folder without it holds a create that was cut off. */
export const RunRecord = z.object({
  /** Process id of the sandbox's init on the host. */
  initPid: z.int(),
  /** Start time of that process, in clock ticks since boot: tells it from a later one with the same id. */
  initStartTicks: z.string(),
  /** Of the host's boot it was started in; absent in records of earlier versions. */
  bootId: z.string().optional(),
  /** When and why it was started again from its entrypoint, the last time. */
  restart: SandboxRestart.optional(),
  slot: z.object({ name: z.string(), address: z.string() }),
});
export type RunRecord = z.infer<typeof RunRecord>;

/** Why a sandbox may not start again. */
export const RestartBan = z.object({ reason: z.string() });
export type RestartBan = z.infer<typeof RestartBan>;

/** @throws FORBIDDEN with the reason it was told */
export function assertRestartAllowed({ restartBan }: SandboxFiles): void {
  const ban = readRecord(restartBan, RestartBan);
  if (ban !== undefined) throw new AppError("FORBIDDEN", ban.reason);
}

/** What an earlier engine left in the folder of one sandbox. */
export type StoredSandbox =
  | ({ readonly state: "whole"; readonly run: RunRecord } & SpecRecord)
  /** A create or a removal was cut off: it has no run record, so nobody was told of it, or somebody asked for its end. */
  | { readonly state: "half"; readonly spec: EngineSandboxSpec | undefined }
  /** It was whole, but its records say nothing now: after a power cut, or written by a later version. */
  | { readonly state: "unreadable" };

/** Replaces the file in one step, so a reader never sees half of it; `DiskSync` makes it last. */
export function writeRecord(file: string, record: SpecRecord | RunRecord | RestartBan): void {
  writeFileSync(`${file}.new`, JSON.stringify(record));
  renameSync(`${file}.new`, file);
}

/** Every sandbox folder on disk; what else is in their folder is none of ours. */
export function readStoredSandboxes(layout: Layout): Map<SandboxId, StoredSandbox> {
  const ids = readdirSync(layout.sandboxesDir()).flatMap((name) => SandboxId.safeParse(name).data ?? []);
  return new Map(ids.map((id) => [id, readStoredSandbox(layout, id)]));
}

function readStoredSandbox(layout: Layout, id: SandboxId): StoredSandbox {
  const files = sandboxFiles(layout, id);
  if (!existsSync(files.run)) return { state: "half", spec: readRecord(files.spec, SpecRecord)?.spec };
  const run = readRecord(files.run, RunRecord);
  const record = readRecord(files.spec, SpecRecord);
  return run === undefined || record === undefined ? { state: "unreadable" } : { state: "whole", run, ...record };
}

function readRecord<T>(file: string, shape: z.ZodType<T>): T | undefined {
  try {
    return shape.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

/** Differs between any two boots of a host (random(4)). */
export const BOOT_ID = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

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

/** Process ids and start times since boot can be the same in the next boot, so a record of another one tells of the dead. */
export function isAlive(run: RunRecord): boolean {
  return isOfThisBoot(run) && processStartTicks(run.initPid) === run.initStartTicks;
}

export const isOfThisBoot = ({ bootId = BOOT_ID }: RunRecord): boolean => bootId === BOOT_ID;
