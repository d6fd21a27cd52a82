import { existsSync, readFileSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "@dormouse/kernel";

/** How full a host may become. Reserves stay free for what runs already. */
export interface AdmissionPolicy {
  /** Sandboxes on the machine, awake or asleep. */
  readonly maxSandboxCount: number;
  /** The memory limits of all sandboxes together, as a multiple of the machine's memory. */
  readonly memoryOvercommit: number;
  /** Memory a create leaves available; a sandbox that starts again may use half of it. */
  readonly memoryReserveMiB: number;
  /** Free space a create leaves where the data folder is. */
  readonly diskReserveMiB: number;
}

/** What a host has at one moment. */
export interface HostRoom {
  readonly memoryMiB: number;
  readonly availableMemoryMiB: number;
  readonly freeDiskMiB: number;
}

/** What the sandboxes of an engine hold or have been promised. */
export interface Load {
  readonly sandboxCount: number;
  /** Of those, the ones that start right now: their memory does not show yet. */
  readonly startingCount: number;
  /** Their limits together. */
  readonly memoryLimitMiB: number;
}

/** What the policy is where nothing else is said (decision 0020). */
export function defaultPolicy(memoryMiB: number): AdmissionPolicy {
  return {
    maxSandboxCount: 2000,
    memoryOvercommit: 200,
    memoryReserveMiB: Math.max(256, Math.floor(memoryMiB / 20)),
    diskReserveMiB: 1024,
  };
}

/** What a sandbox takes until its user does something. */
const START_MEMORY_MIB = 16;
/** What a build takes beside the cache of its files, which the kernel can take back. */
const BUILD_MEMORY_MIB = 512;
const RETRY_AFTER_S = 5;

/** @throws {AppError} HOST_FULL when a new sandbox with this limit does not fit beside the others */
export function admitCreate(policy: AdmissionPolicy, room: HostRoom, load: Load, memoryLimitMiB: number): void {
  if (load.sandboxCount >= policy.maxSandboxCount) {
    throw full(
      "create a sandbox",
      "count",
      `this machine has ${load.sandboxCount} sandboxes, and may have ${policy.maxSandboxCount}`,
    );
  }
  const promisedMiB = load.memoryLimitMiB + memoryLimitMiB;
  const promisableMiB = Math.floor(room.memoryMiB * policy.memoryOvercommit);
  if (promisedMiB > promisableMiB) {
    throw full(
      "create a sandbox",
      "memory-limits",
      `memory limits together would be ${promisedMiB} MiB, and may be ${promisableMiB} MiB`,
    );
  }
  assertMemory("create a sandbox", room, policy.memoryReserveMiB + (load.startingCount + 1) * START_MEMORY_MIB);
  assertDisk("create a sandbox", policy, room);
}

/** For a sandbox that is there already, whose user waits for it: it goes before new ones. @throws {AppError} HOST_FULL */
export function admitRestart(policy: AdmissionPolicy, room: HostRoom): void {
  assertMemory("wake the sandbox", room, Math.floor(policy.memoryReserveMiB / 2) + START_MEMORY_MIB);
}

/** @throws {AppError} HOST_FULL when sandboxes need what a build would take */
export function admitBuild(policy: AdmissionPolicy, room: HostRoom): void {
  assertMemory("build an image", room, policy.memoryReserveMiB + BUILD_MEMORY_MIB);
  assertDisk("build an image", policy, room);
}

/** True when creates may soon be refused for want of memory. */
export function isMemoryShort({ memoryReserveMiB }: AdmissionPolicy, { availableMemoryMiB }: HostRoom): boolean {
  return availableMemoryMiB < memoryReserveMiB * 2;
}

function assertDisk(action: string, { diskReserveMiB }: AdmissionPolicy, { freeDiskMiB }: HostRoom): void {
  if (freeDiskMiB >= diskReserveMiB) return;
  throw full(action, "disk", `${freeDiskMiB} MiB of disk are free, and ${diskReserveMiB} MiB are kept free`);
}

function assertMemory(action: string, { availableMemoryMiB }: HostRoom, neededMiB: number): void {
  if (availableMemoryMiB >= neededMiB) return;
  throw full(action, "memory", `${availableMemoryMiB} MiB of memory are available, and ${neededMiB} MiB are needed`);
}

const NEXT_STEPS = {
  count: "Delete sandboxes that are not needed, or raise DORMOUSE_MAX_SANDBOXES",
  "memory-limits": "Ask for less memory, delete sandboxes that are not needed, or raise DORMOUSE_MEMORY_OVERCOMMIT",
  memory: "Try again when other sandboxes use less memory, or delete some that are not needed",
  disk: "Delete sandboxes or volumes that are not needed, or give the data folder a larger disk",
} as const;

function full(action: string, resource: keyof typeof NEXT_STEPS, state: string): AppError {
  return new AppError("HOST_FULL", `Cannot ${action}: ${state}`, {
    hint: NEXT_STEPS[resource],
    details: { resource, retryAfterS: RETRY_AFTER_S },
  });
}

const MIB = 1024 * 1024;

/** Looks at memory and at the disk of a folder, which need not be there yet. */
export function hostRoom(dataDir: string): HostRoom {
  const memory = readFileSync("/proc/meminfo", "utf8");
  const { bavail, bsize } = statfsSync(nearestFolder(dataDir));
  return {
    memoryMiB: memoryField(memory, "MemTotal"),
    availableMemoryMiB: memoryField(memory, "MemAvailable"),
    freeDiskMiB: Math.floor((bavail * bsize) / MIB),
  };
}

function memoryField(text: string, name: string): number {
  return Math.floor(Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1] ?? 0) / 1024);
}

function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}
