import { z } from "zod";
import type { EngineImagePort } from "./engine-images.ts";
import { MountPath, VOLUMES_MAX_COUNT, VolumeSizeMiB } from "./volume-attachments.ts";

/** Engine-side id of a sandbox: names its folder, cgroup and mounts on the machine, so it stays short and plain. */
export const SandboxId = z
  .string()
  .regex(/^[a-z0-9]{6,32}$/)
  .brand<"SandboxId">();
export type SandboxId = z.infer<typeof SandboxId>;

/** Engine-side id of a volume: names its file. */
export const VolumeId = z
  .string()
  .regex(/^[a-z0-9]{6,32}$/)
  .brand<"VolumeId">();
export type VolumeId = z.infer<typeof VolumeId>;

/** A volume as a sandbox gets it. */
export const EngineVolumeMount = z.strictObject({
  id: VolumeId,
  mountPath: MountPath,
  readOnly: z.boolean(),
  /** Given for an ephemeral one, which is made with the sandbox and removed with it. */
  sizeMiB: VolumeSizeMiB.optional(),
});
export type EngineVolumeMount = z.infer<typeof EngineVolumeMount>;

/** What the engine needs to know to start a sandbox. */
export const EngineSandboxSpec = z.strictObject({
  id: SandboxId,
  /** Name shown inside: the hostname. */
  hostname: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  /** A public one as `name[:tag]`, optionally prefixed `blaxel/` or `sandbox/`; any other as `@<EngineImageId>`. */
  image: z.string().min(1).max(256),
  memoryMiB: z.int().min(64).max(1_048_576),
  /** CPU share in cores; the machine's own count caps it. */
  cpuCount: z.number().min(0.1).max(1024),
  env: z.record(z.string(), z.string()),
  volumes: z.array(EngineVolumeMount).max(VOLUMES_MAX_COUNT).default([]),
});
export type EngineSandboxSpec = z.infer<typeof EngineSandboxSpec>;

export const EngineSandboxState = z.enum(["running", "asleep", "stopped"]);
export type EngineSandboxState = z.infer<typeof EngineSandboxState>;

/** A start of a sandbox that was there already: its files are what they were, its memory and processes are gone. */
export const SandboxRestart = z.object({
  atMs: z.number(),
  reason: z.enum(["host-reboot", "processes-ended"]),
});
export type SandboxRestart = z.infer<typeof SandboxRestart>;

/** A sandbox as the engine reports it. */
export const EngineSandbox = z.object({
  id: SandboxId,
  state: EngineSandboxState,
  /** IPv4 address the host reaches the sandbox at; sandbox-api listens there on 8080. */
  address: z.string(),
  /** File on the host that freezes the sandbox with `1` and thaws it with `0`; the server may write it. */
  freezeFile: z.string(),
  image: z.string(),
  createdAtMs: z.number(),
  /** The last one; absent while it runs as it was created. */
  restart: SandboxRestart.optional(),
});
export type EngineSandbox = z.infer<typeof EngineSandbox>;

/** A sandbox that was created, and which others of its image are kept ready now. */
export const EngineCreation = EngineSandbox.extend({ readyIds: z.array(SandboxId) });
export type EngineCreation = z.infer<typeof EngineCreation>;

/** A program that was ended because its sandbox hung at its memory limit. */
export const EngineMemoryEnd = z.object({
  atMs: z.number(),
  /** Its file, as the sandbox sees it. */
  program: z.string(),
});
export type EngineMemoryEnd = z.infer<typeof EngineMemoryEnd>;

/** What a sandbox holds of the machine's memory; what it shares with others counts in parts. */
export const EngineSandboxMemory = z.object({
  /** In RAM. */
  residentBytes: z.number(),
  /** In swap, as large as it was in RAM. */
  swappedBytes: z.number(),
  /** True while it sleeps without the memory it can do without. */
  isPagedOut: z.boolean(),
  /** The last one since the engine's start; absent while there was none. */
  lastEnd: EngineMemoryEnd.optional(),
});
export type EngineSandboxMemory = z.infer<typeof EngineSandboxMemory>;

/** What became of an archive. */
export const UnpackedVolume = z.object({
  /** Of all files together. */
  contentBytes: z.number(),
});
export type UnpackedVolume = z.infer<typeof UnpackedVolume>;

/** What the engine and all its sandboxes use of the machine now. */
export const EngineStats = z.object({
  sandboxes: z.object({
    /** Memory that is in RAM, page cache included. */
    residentBytes: z.number(),
    /** Memory that is in zram or swap instead. */
    pagedOutBytes: z.number(),
  }),
  /** The engine's own process. */
  engine: z.object({ residentBytes: z.number(), cpuSeconds: z.number() }),
});
export type EngineStats = z.infer<typeof EngineStats>;

/**
 * One machine's sandboxes, as the server sees them. Every method rejects with an `AppError`; `ENGINE_UNAVAILABLE` when the
 * engine cannot be reached.
 */
export interface EnginePort extends SandboxPort, VolumePort, EngineImagePort {}

/** The life of sandboxes. */
export interface SandboxPort {
  /** Sandboxes of the image that are kept ready: what is created under one of these ids is there sooner. */
  readyIds(image: string): Promise<SandboxId[]>;
  /**
   * Resolves once sandbox-api answers inside.
   * @throws INVALID_IMAGE, SANDBOX_ALREADY_EXISTS, SANDBOX_START_FAILED, SANDBOX_START_TIMEOUT, VOLUME_NOT_FOUND, VOLUME_IN_USE,
   * HOST_FULL
   */
  create(spec: EngineSandboxSpec): Promise<EngineCreation>;
  /** Whether a sandbox with this limit, which may be there already, could be created now. @throws HOST_FULL */
  assertRoom(id: SandboxId, memoryMiB: number): Promise<void>;
  /** @throws SANDBOX_NOT_FOUND */
  get(id: SandboxId): Promise<EngineSandbox>;
  list(): Promise<EngineSandbox[]>;
  /** @throws SANDBOX_NOT_FOUND */
  memory(id: SandboxId): Promise<EngineSandboxMemory>;
  /** Freezes every process of the sandbox, memory kept. Idempotent. @throws SANDBOX_NOT_FOUND */
  sleep(id: SandboxId): Promise<void>;
  /**
   * Lets a frozen sandbox go on at once, without asking the engine and without looking whether it lives. False when that
   * cannot be done and `wake` must be called.
   */
  thaw(id: SandboxId): boolean;
  /** Thaws; a stopped sandbox is started again from its entrypoint. Idempotent. @throws SANDBOX_NOT_FOUND, HOST_FULL */
  wake(id: SandboxId): Promise<EngineSandbox>;
  /**
   * Whether a sandbox whose processes have ended may start again: with a `reason` its next start fails with FORBIDDEN and that
   * reason, with `null` it may. One that runs or sleeps goes on. Kept across restarts. Idempotent. @throws SANDBOX_NOT_FOUND
   */
  forbidRestart(id: SandboxId, reason: string | null): Promise<void>;
  /** Ends its processes and erases its files. Idempotent: an unknown id is already gone. */
  remove(id: SandboxId): Promise<void>;
  stats(): Promise<EngineStats>;
}

/** The life of volumes. */
export interface VolumePort {
  /**
   * An empty volume, or one with what is in `source`, which no sandbox may have then. Idempotent for one size.
   * @throws VOLUME_ALREADY_EXISTS, VOLUME_NOT_FOUND, VOLUME_IN_USE, INVALID_ARGUMENT when the content does not fit, HOST_FULL
   */
  createVolume(id: VolumeId, sizeMiB: number, source?: VolumeId): Promise<void>;
  /**
   * A volume with the content of a ZIP or TAR file, which must fit into `sizeMiB` and is then made as small as it can be; all of it or
   * nothing. Removing the volume meanwhile ends it.
   * @throws INVALID_ARGUMENT with what is wrong with the archive, TOO_LARGE, VOLUME_ALREADY_EXISTS, VOLUME_NOT_FOUND, HOST_FULL
   */
  unpackVolume(id: VolumeId, sizeMiB: number, archive: ReadableStream<Uint8Array>): Promise<UnpackedVolume>;
  /**
   * Grows a volume; what is in it stays, and a sandbox that has it sees the new size at once. Idempotent.
   * @throws VOLUME_NOT_FOUND, INVALID_ARGUMENT to make it smaller, HOST_FULL, VOLUME_IN_USE where the host cannot grow an attached one
   */
  resizeVolume(id: VolumeId, sizeMiB: number): Promise<void>;
  /** Erases a volume with what is in it. Idempotent: an unknown id is already gone. @throws VOLUME_IN_USE */
  removeVolume(id: VolumeId): Promise<void>;
}
