import { constants, copyFileSync, existsSync, linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { EnginePort, SandboxId } from "@dormouse/schema";
import { admitBuild, type AdmissionPolicy, defaultPolicy, hostRoom } from "./admission.ts";
import { sweepAbandoned } from "./abandoned.ts";
import { type BuildPolicy, defaultBuildPolicy } from "./builds/build-policy.ts";
import { ImageBuilds, type ImageBuildsDeps } from "./builds/image-builds.ts";
import { StoreImages } from "./builds/store-images.ts";
import { type Cgroups, openCgroups } from "./cgroups.ts";
import { DiskSync } from "./disk-sync.ts";
import type { ImageDeps } from "./images/import-layout.ts";
import { raiseHostLimits } from "./host-limits.ts";
import { MemoryGuard } from "./memory/guard.ts";
import { HostIdPool } from "./ids/host-ids.ts";
import { sweepImages } from "./images/collect.ts";
import type { RegistryMirrors } from "./images/registries.ts";
import type { RegistryDeps } from "./images/skopeo.ts";
import { ImageStore } from "./images/store.ts";
import { claimInstance, type Instance, releaseInstance } from "./instance.ts";
import type { Layout } from "./layout.ts";
import { gatewayAddress, hostResolver, installFirewall, removeFirewall } from "./network/firewall.ts";
import { SlotPool } from "./network/slots.ts";
import { enginePort } from "./port.ts";
import { isAlive, readStoredSandboxes, type StoredSandbox } from "./records.ts";
import { Roots } from "./rootfs.ts";
import { compileSeccompFilter } from "./seccomp.ts";
import { Sandboxes } from "./sandboxes.ts";
import { mountBind, mountTmpfs, sealedCopy } from "./syscalls.ts";
import { openMappedUserNamespace } from "./user-namespace.ts";
import { Volumes } from "./volumes/volumes.ts";

export interface EngineOptions {
  readonly dataDir: string;
  /** The compiled sandbox-api executable. */
  readonly agentFile: string;
  /** Host user the server runs as: the only one besides root that may reach a sandbox. */
  readonly serverUserId: number;
  /** IPv4 resolver the sandboxes ask; by default the host's own. */
  readonly resolver?: string;
  readonly readySlotCount?: number;
  /** Where image registries are found, by host, such as `{ "docker.io": "http://127.0.0.1:5000" }`; by default where they say. */
  readonly registries?: RegistryMirrors;
  /** How many sandboxes are kept started ahead of need, by image as `name:tag`; by default none. */
  readonly warmPool?: Readonly<Record<string, number>>;
  /** What differs from the default policy. */
  readonly admission?: Partial<AdmissionPolicy>;
  /** What differs from the default policy of builds. */
  readonly builds?: Partial<BuildPolicy>;
  readonly startTimeoutMs?: number;
  /** Is told of failures in the background that no user can mend. */
  readonly onError?: (error: AppError) => void;
  /** How long a sandbox sleeps before its memory goes to swap; by default 60,000, and 0 for never. */
  readonly pageOutAfterMs?: number;
}

export interface Engine extends AsyncDisposable {
  readonly sandboxes: Sandboxes;
  /** All of it, as the server asks for it. */
  readonly port: EnginePort;
  readonly images: ImageStore;
  readonly instance: Instance;
  /** Sandboxes left alone because their records cannot be read; for the log. */
  readonly unreadableIds: readonly SandboxId[];
  /** Stops serving. Sandboxes stay as they are; what belongs to no sandbox is taken off the machine. Idempotent. */
  close(): Promise<void>;
}

const INIT_FILE = "/usr/bin/catatonit";
const RUNTIME_FILE = "/usr/bin/crun";
const PARALLEL_STARTS_PER_CORE = 4;

/**
 * Starts one machine's engine on a data folder. It must run as root in a mount namespace of its own: its mounts are then
 * never seen by the host, and end with it however it ends.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  assertHostFiles(options);
  const instance = claimInstance(options.dataDir);
  const { layout, subnet, name, idRanges } = instance;
  mkdirSync("/run/netns", { recursive: true });
  mountTmpfs("/run/netns");
  showAgent(options.agentFile, layout);
  const cgroups = openCgroups({ instance: name, runDir: layout.runDir, serverUserId: options.serverUserId });
  await sweepAbandoned(instance, options.serverUserId);
  const images = new ImageStore(layout.imagesDir());
  /* What cannot be erased is tried again at the next start. */
  const sweeping = sweepImages(images).catch(() => undefined);
  const userNamespaceFd = await openMappedUserNamespace();
  const roots = new Roots(layout, images);
  const stored = readStoredSandboxes(layout);
  const disk = new DiskSync();
  await prepareHost(instance, options, cgroups);
  const slots = new SlotPool({
    instance: name,
    subnet,
    readyCount: options.readySlotCount ?? 16,
    takenAddresses: addressesInUse(stored),
    ids: new HostIdPool(idRanges),
  });
  const volumes = new Volumes(layout);
  /* crun copies itself into sealed memory at every start, 4 ms, so that no container can change it, unless it is there already. */
  const runtimeFile = sealedCopy(RUNTIME_FILE);
  const admission = { ...defaultPolicy(hostRoom(options.dataDir).memoryMiB), ...options.admission };
  const guard = new MemoryGuard(cgroups);
  const shared = { layout, cgroups, guard, slots, runtimeFile };
  const sandboxes = new Sandboxes({
    ...shared,
    images,
    roots,
    volumes,
    disk,
    bundle: {
      shared: { init: INIT_FILE, agent: layout.agentFile(), resolvConf: layout.resolvConf() },
      seccompFilter: compileSeccompFilter(join(layout.runDir, "seccomp.bpf"), "sandbox"),
    },
    admission,
    warmSizes: new Map(Object.entries(options.warmPool ?? {})),
    parallelStartCount: cpus().length * PARALLEL_STARTS_PER_CORE,
    startTimeoutMs: options.startTimeoutMs ?? 30_000,
    pageOutAfterMs: options.pageOutAfterMs ?? 60_000,
  });
  const imageTools = { layout, userNamespaceFd, images, slots, mirrors: options.registries ?? {} };
  const assertRoom = (): void => admitBuild(admission, sandboxes.hostRoom());
  const builds = openBuilds(options, { ...shared, imageTools, assertRoom });
  await sandboxes.adopt(stored);
  await builds.recover();
  slots.refillWhenLow();
  sandboxes.startWarmPool();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= endEngine({ instance, cgroups, guard, slots, disk, sandboxes, builds, sweeping }));
  const unreadableIds = [...stored].flatMap(([id, { state }]) => (state === "unreadable" ? [id] : []));
  const port = enginePort({ sandboxes, volumes, imageTools, builds });
  return { sandboxes, port, images, instance, unreadableIds, close, [Symbol.asyncDispose]: close };
}

const addressesInUse = (stored: ReadonlyMap<SandboxId, StoredSandbox>): string[] =>
  [...stored.values()].flatMap((sandbox) =>
    sandbox.state === "whole" && isAlive(sandbox.run) ? [sandbox.run.slot.address] : [],
  );

interface BuildParts extends Pick<
  ImageBuildsDeps,
  "layout" | "cgroups" | "guard" | "slots" | "runtimeFile" | "assertRoom"
> {
  readonly imageTools: ImageDeps & RegistryDeps;
}

function openBuilds(options: EngineOptions, { imageTools, ...parts }: BuildParts): ImageBuilds {
  const { layout } = parts;
  return new ImageBuilds({
    ...parts,
    seccompFilter: compileSeccompFilter(join(layout.runDir, "seccomp-build.bpf"), "build"),
    agentFile: layout.agentFile(),
    images: new StoreImages(imageTools),
    policy: { ...defaultBuildPolicy(), ...options.builds },
    report: options.onError ?? (() => undefined),
  });
}

interface RunningParts {
  readonly instance: Instance;
  readonly cgroups: Cgroups;
  readonly guard: MemoryGuard;
  readonly slots: SlotPool;
  readonly disk: DiskSync;
  readonly sandboxes: Sandboxes;
  /** Of what an earlier engine left of images. */
  readonly sweeping: Promise<void>;
  readonly builds: ImageBuilds;
}

async function endEngine(parts: RunningParts): Promise<void> {
  const { instance, cgroups, guard, slots, disk, sandboxes, builds, sweeping } = parts;
  guard[Symbol.dispose]();
  await builds[Symbol.asyncDispose]();
  await sandboxes.close();
  await sweeping;
  await slots.close();
  await disk[Symbol.asyncDispose]();
  if (sandboxes.count > 0) return;
  await removeFirewall({ instance: instance.name, subnet: instance.subnet });
  cgroups.close();
  releaseInstance(instance);
}

/** What stands between sandboxes, and between them and everything else. */
async function prepareHost(
  { layout, name, subnet }: Instance,
  options: EngineOptions,
  cgroups: Cgroups,
): Promise<void> {
  raiseHostLimits(cgroups);
  const resolver = options.resolver ?? hostResolver() ?? "127.0.0.1";
  await installFirewall({ instance: name, subnet, serverUserId: options.serverUserId, resolver });
  writeFileSync(layout.resolvConf(), `nameserver ${gatewayAddress(subnet)}\noptions timeout:2 attempts:3\n`);
}

/**
 * At a path root inside can reach, wherever this installation lies. Under a name of the engine's own: a file that is replaced while
 * the engine runs, as an upgrade does, could not be shown to any further sandbox.
 */
function showAgent(agentFile: string, layout: Layout): void {
  const kept = layout.keptAgentFile();
  rmSync(kept, { force: true });
  try {
    linkSync(agentFile, kept);
  } catch {
    copyFileSync(agentFile, kept, constants.COPYFILE_FICLONE);
  }
  writeFileSync(layout.agentFile(), "");
  mountBind(kept, layout.agentFile());
}

function assertHostFiles(options: EngineOptions): void {
  for (const [file, hint] of [
    [INIT_FILE, "Install the Debian package catatonit"],
    [RUNTIME_FILE, "Install the Debian package crun"],
    [options.agentFile, "Build it with `npm run setup`"],
  ] as const) {
    if (!existsSync(file))
      throw new AppError("HOST_UNSUITABLE", `Cannot start the engine: "${file}" is missing`, { hint });
  }
}
