import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "@dormouse/kernel";
import { type EngineImageId, SandboxId } from "@dormouse/schema";
import { detachMount, mountCgroup2, remount } from "./syscalls.ts";

export interface Limits {
  readonly memoryMiB: number;
  readonly cpuCount: number;
  readonly maxProcessCount: number;
  /** Gives way to every sandbox that wants the CPU too. */
  readonly isBackground?: boolean;
}

/** The groups of an image build; no id of a sandbox has a hyphen. */
export type BuildGroup = `build-${EngineImageId}`;
/** Whose groups they are. */
export type GroupId = SandboxId | BuildGroup;

export const buildGroup = (id: EngineImageId): BuildGroup => `build-${id}`;

export interface MemoryUse {
  readonly residentBytes: number;
  /** In zram or swap; 0 also where the kernel does not count it. */
  readonly pagedOutBytes: number;
}

/** Time in milliseconds in which some, or all, of the tasks that had something to do waited for memory. */
export interface MemoryStall {
  readonly some: number;
  readonly full: number;
}

/**
 * The control groups of one engine. Everything that differs between a pure v2 host and a hybrid one is in this file:
 * hybrid hosts keep the controllers in v1 trees and only freeze, kill and count through the v2 tree.
 */
export interface Cgroups {
  readonly kind: "v2" | "hybrid";
  /** Makes the groups of a sandbox with their limits and returns the files a process writes `0` to, to enter them. */
  create(id: GroupId, limits: Limits): string[];
  /** Where the host shows the file that freezes and thaws the sandbox. */
  freezeFile(id: GroupId): string;
  /** Where the kernel tells, as events of the file, when the sandbox was frozen or thawed. */
  eventsFile(id: GroupId): string;
  freeze(id: GroupId): void;
  thaw(id: GroupId): void;
  isFrozen(id: GroupId): boolean;
  /** Kills every process of the sandbox, frozen ones too. */
  kill(id: GroupId): void;
  isEmpty(id: GroupId): boolean;
  /** How many of its processes the kernel has ended because its memory was full. */
  outOfMemoryCount(id: GroupId): number;
  /** Host ids of its processes. */
  processIds(id: GroupId): number[];
  /** How much of its memory is used, 0 to 1, pages of files included. */
  usedMemoryShare(id: GroupId): number;
  /** How long it, or without an id some sandbox, has waited for memory so far; 0 on a kernel without PSI. */
  memoryStallMs(id?: GroupId): MemoryStall;
  /** Whether its memory may go to swap. At all other times its limit is RAM, also on a host with swap. */
  allowSwap(id: GroupId, isAllowed: boolean): void;
  /** Forgets the groups of a sandbox; they must be empty. */
  remove(id: GroupId): void;
  /** Sandboxes and builds that have groups. */
  ids(): GroupId[];
  /** What all sandboxes together use, which the kernel has summed already. */
  memory(): MemoryUse;
  /** Removes the engine's own groups if no sandbox is left in them. */
  close(): void;
}

const CGROUP_ROOT = "/sys/fs/cgroup";
/** Where hybrid hosts mount the v2 tree; the engine looks at a private mount of the same tree. */
const HOST_UNIFIED = join(CGROUP_ROOT, "unified");
const CPU_PERIOD_US = 100_000;
/** A tenth of what a sandbox has by default, in v2 (100) and in v1 (1024). */
const BACKGROUND_WEIGHT = 10;
const BACKGROUND_SHARES = 102;
/** What the buffers of a sandbox's sockets may take on hybrid hosts, on top of its memory. */
const SOCKET_SHARE = 0.25;

/** What every sandbox may have. */
export const MAX_PROCESS_COUNT = 4096;

const DEATH_TIMEOUT_MS = 10_000;

/**
 * Ends every process of a sandbox or a build and forgets its groups. The kernel announces an empty group at most every few milliseconds,
 * so a short look-again is no slower than its event.
 */
export async function endProcesses(cgroups: Cgroups, id: GroupId): Promise<void> {
  cgroups.kill(id);
  const deadlineMs = performance.now() + DEATH_TIMEOUT_MS;
  for (let waitMs = 1; !cgroups.isEmpty(id); waitMs = Math.min(waitMs * 2, 20)) {
    if (performance.now() > deadlineMs) {
      throw new AppError("INTERNAL", `Cannot end "${id}": its processes are still there after ${DEATH_TIMEOUT_MS} ms`);
    }
    await delay(waitMs);
  }
  cgroups.remove(id);
}

export interface CgroupOptions {
  readonly instance: string;
  readonly runDir: string;
  /** Who may thaw sandboxes beside the engine. */
  readonly serverUserId: number;
}

/** Must run in the engine's own mount namespace: a hybrid host's v2 tree is moved out of the OCI runtime's sight. */
export function openCgroups({ instance, runDir, serverUserId }: CgroupOptions): Cgroups {
  const group = `dormouse-${instance}`;
  if (existsSync(join(CGROUP_ROOT, "cgroup.controllers"))) return new V2Cgroups(CGROUP_ROOT, group, serverUserId);
  const unified = join(runDir, "cgroup2");
  if (!existsSync(unified)) {
    mkdirSync(unified);
    mountCgroup2(unified);
    detachMount(HOST_UNIFIED);
  }
  return new HybridCgroups(unified, group, serverUserId);
}

const FAST_MOVES = "favordynmods";

/**
 * Makes entering a group cost 0.4 ms instead of 10 ms, by `favordynmods` (Linux 6.0; decision 0002). It is a property of the
 * whole tree, so it is taken back at the end; an older kernel just stays slow.
 */
function makeMovesFast(tree: string): () => void {
  const options = treeOptions(tree);
  if (options.includes(FAST_MOVES)) return () => undefined;
  try {
    remount(tree, [...options, FAST_MOVES].join(","));
  } catch {
    return () => undefined;
  }
  return () => remount(tree, options.join(","));
}

/** The file system's own options, the last field of its line in mountinfo (proc(5)). */
function treeOptions(tree: string): string[] {
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .findLast((entry) => entry.split(" ")[4] === tree);
  const options = line?.slice(line.lastIndexOf(" ") + 1).split(",") ?? [];
  return options.filter((option) => option !== "rw" && option !== "");
}

/** What both kinds do through a v2 tree, which needs no controller. */
abstract class UnifiedTree {
  protected readonly root: string;
  readonly #serverUserId: number;
  readonly #makeMovesSlowAgain: () => void;

  constructor(tree: string, group: string, serverUserId: number) {
    this.#serverUserId = serverUserId;
    this.root = join(tree, group);
    mkdirSync(this.root, { recursive: true });
    this.#makeMovesSlowAgain = makeMovesFast(tree);
  }

  close(): void {
    removeIfUnused(this.root);
    this.#makeMovesSlowAgain();
  }

  ids(): GroupId[] {
    return groupNames(this.root).map((name) => (isBuildGroup(name) ? name : SandboxId.parse(name)));
  }

  abstract outOfMemoryCount(id: GroupId): number;

  abstract freezeFile(id: GroupId): string;

  protected letServerThaw(id: GroupId): void {
    chownSync(this.#file(id, "cgroup.freeze"), this.#serverUserId, 0);
  }

  eventsFile(id: GroupId): string {
    return this.#file(id, "cgroup.events");
  }

  freeze(id: GroupId): void {
    writeFileSync(this.#file(id, "cgroup.freeze"), "1");
  }

  thaw(id: GroupId): void {
    writeFileSync(this.#file(id, "cgroup.freeze"), "0");
  }

  isFrozen(id: GroupId): boolean {
    return readIfPresent(this.#file(id, "cgroup.freeze")).startsWith("1");
  }

  kill(id: GroupId): void {
    const file = this.#file(id, "cgroup.kill");
    if (existsSync(file)) writeFileSync(file, "1");
  }

  isEmpty(id: GroupId): boolean {
    return !readIfPresent(this.eventsFile(id)).includes("populated 1");
  }

  processIds(id: GroupId): number[] {
    return readIfPresent(this.#file(id, "cgroup.procs")).split("\n").filter(Boolean).map(Number);
  }

  memoryStallMs(id?: GroupId): MemoryStall {
    const text = readIfPresent(join(id === undefined ? this.root : this.groupDir(id), "memory.pressure"));
    const totalMs = (kind: string): number =>
      Number(new RegExp(`^${kind} .*total=(\\d+)$`, "m").exec(text)?.[1] ?? 0) / 1000;
    return { some: totalMs("some"), full: totalMs("full") };
  }

  protected groupDir(id: GroupId): string {
    return join(this.root, id);
  }

  #file(id: GroupId, name: string): string {
    return join(this.root, id, name);
  }
}

class V2Cgroups extends UnifiedTree implements Cgroups {
  readonly kind = "v2";

  constructor(tree: string, group: string, serverUserId: number) {
    super(tree, group, serverUserId);
    for (const dir of [tree, this.root]) turnOnControllers(dir);
  }

  freezeFile(id: GroupId): string {
    return join(this.groupDir(id), "cgroup.freeze");
  }

  create(id: GroupId, limits: Limits): string[] {
    const dir = this.groupDir(id);
    mkdirSync(dir, { recursive: true });
    this.letServerThaw(id);
    writeFileSync(join(dir, "memory.max"), String(memoryBytes(limits)));
    this.allowSwap(id, false);
    writeFileSync(join(dir, "cpu.max"), `${cpuQuotaUs(limits)} ${CPU_PERIOD_US}`);
    if (limits.isBackground === true) writeFileSync(join(dir, "cpu.weight"), String(BACKGROUND_WEIGHT));
    writeFileSync(join(dir, "pids.max"), String(limits.maxProcessCount));
    return [join(dir, "cgroup.procs")];
  }

  outOfMemoryCount(id: GroupId): number {
    return readCount(join(this.groupDir(id), "memory.events"));
  }

  allowSwap(id: GroupId, isAllowed: boolean): void {
    writeIfPresent(join(this.groupDir(id), "memory.swap.max"), isAllowed ? "max" : "0");
  }

  usedMemoryShare(id: GroupId): number {
    return shareOf(join(this.groupDir(id), "memory.current"), join(this.groupDir(id), "memory.max"));
  }

  remove(id: GroupId): void {
    removeGroup(this.groupDir(id));
  }

  memory(): MemoryUse {
    return {
      residentBytes: Number(readIfPresent(join(this.root, "memory.current"))),
      pagedOutBytes: Number(readIfPresent(join(this.root, "memory.swap.current"))),
    };
  }
}

/** For the groups below. @throws HOST_UNSUITABLE */
function turnOnControllers(dir: string): void {
  try {
    writeFileSync(join(dir, "cgroup.subtree_control"), "+cpu +memory +pids");
  } catch (cause) {
    const message = `Cannot limit sandboxes: control group "${dir}" does not give on cpu, memory and pids`;
    throw new AppError("HOST_UNSUITABLE", message, { cause, hint: "Run `dormouse doctor`, which says why" });
  }
}

class HybridCgroups extends UnifiedTree implements Cgroups {
  readonly kind = "hybrid";
  readonly #trees: { readonly memory: string; readonly cpu: string; readonly pids: string };
  readonly #group: string;

  constructor(unified: string, group: string, serverUserId: number) {
    super(unified, group, serverUserId);
    this.#group = group;
    const tree = (controller: string): string => join(CGROUP_ROOT, controller, group);
    this.#trees = { memory: tree("memory"), cpu: tree("cpu"), pids: tree("pids") };
    for (const dir of Object.values(this.#trees)) mkdirSync(dir, { recursive: true });
  }

  freezeFile(id: GroupId): string {
    return join(HOST_UNIFIED, this.#group, id, "cgroup.freeze");
  }

  create(id: GroupId, limits: Limits): string[] {
    const { memory, cpu, pids } = this.#trees;
    const dirs = [memory, cpu, pids, this.root].map((tree) => join(tree, id));
    for (const dir of dirs) mkdirSync(dir, { recursive: true });
    this.letServerThaw(id);
    // Never below the limit of RAM alone, which one that was kept ready has already.
    writeIfPresent(join(memory, id, "memory.memsw.limit_in_bytes"), "-1");
    writeFileSync(join(memory, id, "memory.limit_in_bytes"), String(memoryBytes(limits)));
    writeIfPresent(join(memory, id, "memory.memsw.limit_in_bytes"), String(memoryBytes(limits)));
    // Buffers of sockets are counted apart here, and without a limit not at all.
    writeIfPresent(join(memory, id, "memory.kmem.tcp.limit_in_bytes"), String(memoryBytes(limits) * SOCKET_SHARE));
    writeFileSync(join(cpu, id, "cpu.cfs_period_us"), String(CPU_PERIOD_US));
    writeFileSync(join(cpu, id, "cpu.cfs_quota_us"), String(cpuQuotaUs(limits)));
    if (limits.isBackground === true) writeFileSync(join(cpu, id, "cpu.shares"), String(BACKGROUND_SHARES));
    writeFileSync(join(pids, id, "pids.max"), String(limits.maxProcessCount));
    return dirs.map((dir) => join(dir, "cgroup.procs"));
  }

  outOfMemoryCount(id: GroupId): number {
    return readCount(join(this.#trees.memory, id, "memory.oom_control"));
  }

  usedMemoryShare(id: GroupId): number {
    const dir = join(this.#trees.memory, id);
    return shareOf(join(dir, "memory.usage_in_bytes"), join(dir, "memory.limit_in_bytes"));
  }

  /** Always allowed: RAM and swap have one limit together, so the kernel gains nothing by swapping at that limit. */
  allowSwap(): void {}

  remove(id: GroupId): void {
    for (const tree of [...Object.values(this.#trees), this.root]) removeGroup(join(tree, id));
  }

  memory(): MemoryUse {
    const dir = this.#trees.memory;
    const swapped = /^total_swap (\d+)$/m.exec(readIfPresent(join(dir, "memory.stat")))?.[1];
    return {
      residentBytes: Number(readIfPresent(join(dir, "memory.usage_in_bytes"))),
      pagedOutBytes: Number(swapped ?? 0),
    };
  }

  override close(): void {
    for (const tree of Object.values(this.#trees)) removeIfUnused(tree);
    super.close();
  }
}

/** 0 of a group that is gone. */
const shareOf = (partFile: string, wholeFile: string): number =>
  Number(readIfPresent(partFile)) / Number(readIfPresent(wholeFile) || 1);
const memoryBytes = (limits: Limits): number => limits.memoryMiB * 1024 * 1024;
const cpuQuotaUs = (limits: Limits): number => Math.round(limits.cpuCount * CPU_PERIOD_US);

function readIfPresent(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** Both trees count in a line of this name. */
const readCount = (file: string): number => Number(/^oom_kill (\d+)$/m.exec(readIfPresent(file))?.[1] ?? 0);

const isBuildGroup = (name: string): name is BuildGroup => name.startsWith("build-");

/** For files that kernels without swap accounting do not have. */
function writeIfPresent(file: string, content: string): void {
  if (existsSync(file)) writeFileSync(file, content);
}

function removeGroup(dir: string): void {
  if (!existsSync(dir)) return;
  try {
    rmdirSync(dir);
  } catch (cause) {
    throw new AppError("INTERNAL", `Cannot remove control group "${dir}": it is still in use`, { cause });
  }
}

function removeIfUnused(dir: string): void {
  if (!existsSync(dir)) return;
  if (groupNames(dir).length === 0) rmdirSync(dir);
}

const groupNames = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
