import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { randomId } from "@dormouse/kernel";
import { EngineSandboxSpec, type SandboxId } from "@dormouse/schema";
import { agentEnvironment, type BundleDefaults, ociConfig } from "./bundle.ts";
import { type Cgroups, MAX_PROCESS_COUNT } from "./cgroups.ts";
import type { ImageStore } from "./images/store.ts";
import { type ImageManifest, referenceOf } from "./images/manifest.ts";
import { type Layout, sandboxFiles } from "./layout.ts";
import { namespaceFiles, type NetworkSlot, type SlotPool } from "./network/slots.ts";
import { BOOT_ID, isAlive, processStartTicks, type RunRecord } from "./records.ts";
import { endRun } from "./remove.ts";
import { prepareFiles, prepareRunFiles, type Roots } from "./rootfs.ts";
import { type HeldContainer, holdContainer } from "./runtime.ts";
import { setHostnameOf } from "./syscalls.ts";

/** What every start needs. */
export interface WarmDeps {
  readonly layout: Layout;
  readonly images: ImageStore;
  readonly cgroups: Cgroups;
  readonly roots: Roots;
  readonly slots: SlotPool;
  readonly bundle: BundleDefaults;
  readonly runtimeFile: string;
  readonly startTimeoutMs: number;
}

/**
 * A sandbox nobody asked for yet: everything is there, and its agent waits for its environment. It has no records, so an
 * engine that finds one at its start sweeps it as a create that was cut off; its agent ends with the engine that made it.
 */
export interface WarmSandbox {
  readonly id: SandboxId;
  readonly image: ImageManifest;
  /** Keeps the image's layers while nobody has the sandbox. */
  readonly hold: Disposable;
  readonly run: RunRecord;
  readonly slot: NetworkSlot;
  readonly container: HeldContainer;
}

/** What it is held to until it is somebody's: it starts beside those that somebody waits for. */
const WARM_CPU_COUNT = 0.25;
export const WARM_MEMORY_MIB = 256;

/** Leaves nothing when it fails. */
export async function prepareWarm(deps: WarmDeps, image: ImageManifest): Promise<WarmSandbox> {
  const { layout, cgroups, slots, bundle: defaults, runtimeFile, startTimeoutMs: timeoutMs } = deps;
  const spec = neutralSpec(image);
  const { id } = spec;
  const files = sandboxFiles(layout, id);
  using hold = new DisposableStack();
  hold.use(deps.images.hold(image.layers));
  const slot = await slots.acquire();
  try {
    prepareFiles(files);
    const { ids, ...network } = slot;
    prepareRunFiles(spec, files, ids);
    const namespaces = namespaceFiles(slot);
    const config = ociConfig({ spec, image, files, defaults, namespaces, volumes: [], isHeld: true });
    writeFileSync(files.bundle, JSON.stringify(config));
    const cgroupFiles = cgroups.create(id, { ...spec, maxProcessCount: MAX_PROCESS_COUNT });
    const request = { id, files, runtimeFile, runtimeDir: layout.runtimeDir(), cgroupFiles, timeoutMs };
    const root = { layers: image.layers, files, ids };
    const container = await deps.roots.withRoot(root, () => holdContainer(request));
    const { initPid } = container;
    return {
      id,
      image,
      hold: hold.move(),
      run: { initPid, initStartTicks: processStartTicks(initPid) ?? "", bootId: BOOT_ID, slot: network },
      slot,
      container,
    };
  } catch (error) {
    await erase(deps, id, slot);
    throw error;
  }
}

export async function discardWarm(deps: WarmDeps, { id, slot, hold, container }: WarmSandbox): Promise<void> {
  using _ = hold;
  container[Symbol.dispose]();
  await erase(deps, id, slot);
}

/** True when the sandbox that is asked for can be made of it. */
export function fits(warm: WarmSandbox, spec: EngineSandboxSpec, image: ImageManifest): boolean {
  return spec.volumes.length === 0 && Bun.deepEquals(warm.image, image) && isAlive(warm.run);
}

/** Makes it what a start of its own would have made. @throws SANDBOX_START_FAILED, SANDBOX_START_TIMEOUT */
export async function adoptWarm(deps: WarmDeps, warm: WarmSandbox, spec: EngineSandboxSpec): Promise<void> {
  using container = warm.container;
  using _ = warm.hold;
  prepareRunFiles(spec, sandboxFiles(deps.layout, warm.id), warm.slot.ids);
  deps.cgroups.create(warm.id, { ...spec, maxProcessCount: MAX_PROCESS_COUNT });
  setHostnameOf(warm.run.initPid, spec.hostname);
  await container.release(agentEnvironment(spec, warm.image));
}

async function erase({ layout, cgroups, slots }: WarmDeps, id: SandboxId, slot: NetworkSlot): Promise<void> {
  await endRun({ cgroups, layout }, id);
  await rm(layout.sandboxDir(id), { recursive: true, force: true });
  await slots.recycle(slot);
}

const neutralSpec = (image: ImageManifest): EngineSandboxSpec =>
  EngineSandboxSpec.parse({
    id: randomId(),
    hostname: "sandbox",
    image: referenceOf(image),
    memoryMiB: WARM_MEMORY_MIB,
    cpuCount: WARM_CPU_COUNT,
    env: {},
  });
