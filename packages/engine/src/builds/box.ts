import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineImageId } from "@dormouse/schema";
import { buildGroup, type Cgroups, endProcesses, type GroupId } from "../cgroups.ts";
import type { Layout } from "../layout.ts";
import type { MemoryGuard } from "../memory/guard.ts";
import { type NamespaceFiles, namespaceFiles, type SlotPool } from "../network/slots.ts";
import { RUNTIME_ENVIRONMENT, runtimeCommand } from "../runtime.ts";
import { boxConfig } from "./box-config.ts";
import { type BoxFiles, type BoxInput, prepareBoxFiles } from "./box-files.ts";
import type { BuildLog } from "./build-log.ts";

export interface BoxDeps {
  readonly layout: Layout;
  readonly cgroups: Cgroups;
  readonly slots: SlotPool;
  readonly guard: MemoryGuard;
  readonly runtimeFile: string;
  /** BPF program in base64. */
  readonly seccompFilter: string;
}

export interface BoxLimits {
  readonly memoryMiB: number;
  readonly cpuCount: number;
  readonly maxProcessCount: number;
}

export interface BoxRun {
  readonly id: EngineImageId;
  readonly files: BoxFiles;
  readonly input: BoxInput;
  readonly command: readonly string[];
  readonly limits: BoxLimits;
  readonly log: BuildLog;
  /** Ends it, with its reason. */
  readonly signal: AbortSignal;
}

/** As shells say it of SIGKILL. */
const KILLED_EXIT_CODE = 137;

export interface BoxEnd {
  readonly exitCode: number;
  /** Some of its processes were ended for lack of memory. */
  readonly isOutOfMemory: boolean;
}

/**
 * Makes a box and runs a command in it: a container of its own, with a network as sandboxes have and with less of the CPU than
 * they. When this settles nothing of it runs any more. @throws what `signal` is aborted with
 */
export async function runInBox(deps: BoxDeps, run: BoxRun): Promise<BoxEnd> {
  const { id, signal } = run;
  const group = buildGroup(id);
  const slot = await deps.slots.acquire();
  const cgroupFiles = deps.cgroups.create(group, { ...run.limits, isBackground: true });
  const end = (): void => deps.cgroups.kill(group);
  signal.addEventListener("abort", end);
  try {
    signal.throwIfAborted();
    prepareBoxFiles(run.files, run.input, slot.ids);
    const exitCode = await runContainer(deps, run, { namespaces: namespaceFiles(slot), cgroupFiles });
    signal.throwIfAborted();
    return { exitCode, isOutOfMemory: wasOutOfMemory(deps, group) };
  } finally {
    signal.removeEventListener("abort", end);
    await endProcesses(deps.cgroups, group);
    deps.guard.forget(group);
    rmSync(join(deps.layout.runtimeDir(), group), { recursive: true, force: true });
    /* Root of a build may do more in its user namespace than that of a sandbox: nobody gets it after. */
    await deps.slots.discard(slot);
  }
}

const wasOutOfMemory = ({ cgroups, guard }: BoxDeps, group: GroupId): boolean =>
  cgroups.outOfMemoryCount(group) > 0 || guard.lastEnd(group) !== undefined;

interface Place {
  readonly namespaces: NamespaceFiles;
  readonly cgroupFiles: readonly string[];
}

async function runContainer(deps: BoxDeps, run: BoxRun, { namespaces, cgroupFiles }: Place): Promise<number> {
  const { layout, runtimeFile, seccompFilter } = deps;
  const group = buildGroup(run.id);
  const config = { ...run, resolvConf: layout.resolvConf(), namespaces, seccompFilter };
  writeFileSync(run.files.config, JSON.stringify(boxConfig(config)), { mode: 0o600 });
  const runtime = { cgroupFiles, runtimeFile, runtimeDir: layout.runtimeDir() };
  const container = Bun.spawn(runtimeCommand(runtime, [`--bundle=${run.files.runDir}`, group]), {
    /* Pipes, not /dev/null: the runtime hands the descriptors' inodes to root inside. */
    stdio: ["pipe", "pipe", "pipe"],
    env: RUNTIME_ENVIRONMENT,
  });
  await container.stdin.end();
  const outputs = [copyTo(run.log, container.stdout), container.stderr.text()] as const;
  await container.exited;
  /* Where the kernel has ended the runtime alone, what it started holds the pipes open. */
  deps.cgroups.kill(group);
  const [, complaint] = await Promise.all(outputs);
  for (const line of complaint.split("\n").filter(Boolean)) run.log.line(line);
  return container.exitCode ?? KILLED_EXIT_CODE;
}

async function copyTo(log: BuildLog, output: ReadableStream<Uint8Array>): Promise<void> {
  for await (const chunk of output) log.write(chunk);
}
