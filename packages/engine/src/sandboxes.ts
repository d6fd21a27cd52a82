import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, KeyedMutex, Semaphore, SingleFlight } from "@dormouse/kernel";
import type {
  EnginePort,
  EngineImage,
  EngineSandbox,
  EngineSandboxMemory,
  EngineSandboxSpec,
  EngineSandboxState,
  SandboxId,
  UnpackedVolume,
  VolumeId,
} from "@dormouse/schema";
import { type BundleDefaults, ociConfig } from "./bundle.ts";
import { type Cgroups, endProcesses } from "./cgroups.ts";
import type { LayerMounts } from "./images/layer-mounts.ts";
import type { ImageManifest, ImageStore } from "./images/store.ts";
import { type Layout, type SandboxFiles, sandboxFiles } from "./layout.ts";
import { Pager } from "./memory/pager.ts";
import { memoryOf } from "./memory/usage.ts";
import type { NetworkSlot, SlotPool } from "./network/slots.ts";
import { isAlive, processStartTicks, type RunRecord, type StoredSandbox, writeRecord } from "./records.ts";
import { prepareFiles, prepareRunFiles, withRootfs } from "./rootfs.ts";
import { startContainer } from "./runtime.ts";
import type { Volumes } from "./volumes/volumes.ts";

export interface SandboxesDeps {
  readonly layout: Layout;
  readonly cgroups: Cgroups;
  readonly images: ImageStore;
  readonly layers: LayerMounts;
  readonly slots: SlotPool;
  readonly volumes: Volumes;
  readonly bundle: BundleDefaults;
  /** The OCI runtime's program. */
  readonly runtimeFile: string;
  readonly startTimeoutMs: number;
  /** How long a sandbox sleeps before its memory goes to swap; 0 for never. */
  readonly pageOutAfterMs: number;
}

const MAX_PROCESS_COUNT = 4096;
/** More at once would only make each slower. */
const PARALLEL_START_COUNT = 8;

interface Entry {
  readonly spec: EngineSandboxSpec;
  readonly createdAtMs: number;
  readonly files: SandboxFiles;
  run: RunRecord | undefined;
  /** Set when this engine made the network, so it can be used again; else the kernel ends it with the sandbox. */
  slot: NetworkSlot | undefined;
}

/** The life of every sandbox on this machine: create, sleep, wake, remove. The kernel and the disk hold the truth. */
export class Sandboxes implements EnginePort {
  readonly #deps: SandboxesDeps;
  readonly #entries = new Map<SandboxId, Entry>();
  readonly #changes = new KeyedMutex();
  readonly #starts = new Semaphore(PARALLEL_START_COUNT);
  readonly #removals = new SingleFlight<void>();
  readonly #pager: Pager;

  constructor(deps: SandboxesDeps) {
    this.#deps = deps;
    this.#pager = new Pager({
      cgroups: deps.cgroups,
      afterMs: deps.pageOutAfterMs,
      isEngineBusy: () => !this.#starts.isIdle,
    });
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Takes up what an earlier engine left: sandboxes go on, halves of creates and removes are swept away. */
  async adopt(stored: ReadonlyMap<SandboxId, StoredSandbox>): Promise<void> {
    for (const [id, sandbox] of stored) {
      if (sandbox.state === "half") await this.#erase(id);
      if (sandbox.state !== "whole") continue;
      const { spec, createdAtMs, run } = sandbox;
      this.#deps.volumes.adopt(spec);
      const entry = { spec, createdAtMs, run, files: this.#filesOf(id), slot: undefined };
      this.#entries.set(id, entry);
      if (this.#stateOf(entry) === "asleep") this.#pager.sleepBegan(id);
    }
  }

  async create(spec: EngineSandboxSpec): Promise<EngineSandbox> {
    const image = this.#deps.images.resolve(spec.image);
    return this.#changes.run(spec.id, async () => {
      if (this.#entries.has(spec.id)) {
        throw new AppError("SANDBOX_ALREADY_EXISTS", `Cannot create sandbox "${spec.id}": it exists already`);
      }
      const entry: Entry = {
        spec: { ...spec, image: `${image.name}:${image.tag}` },
        createdAtMs: Date.now(),
        files: this.#filesOf(spec.id),
        run: undefined,
        slot: undefined,
      };
      this.#entries.set(spec.id, entry);
      try {
        this.#deps.volumes.claim(spec);
        prepareFiles(entry.files);
        writeRecord(entry.files.spec, { spec: entry.spec, createdAtMs: entry.createdAtMs });
        await this.#start(entry, image);
        return this.#describe(entry, "running");
      } catch (error) {
        await this.#end(spec.id, entry);
        throw error;
      } finally {
        if (this.#starts.isIdle) this.#deps.slots.refillWhenLow();
      }
    });
  }

  async get(id: SandboxId): Promise<EngineSandbox> {
    return this.#describe(this.#find(id));
  }

  async list(): Promise<EngineSandbox[]> {
    return [...this.#entries.values()].filter((entry) => entry.run !== undefined).map((entry) => this.#describe(entry));
  }

  async sleep(id: SandboxId): Promise<void> {
    const entry = this.#find(id);
    if (this.#stateOf(entry) !== "running") return;
    this.#deps.cgroups.freeze(id);
    this.#pager.sleepBegan(id);
  }

  async memory(id: SandboxId): Promise<EngineSandboxMemory> {
    this.#find(id);
    return { ...memoryOf(this.#deps.cgroups.processIds(id)), isPagedOut: this.#pager.isPagedOut(id) };
  }

  /** Ends what runs in the background. */
  close(): Promise<void> {
    return this.#pager[Symbol.asyncDispose]();
  }

  thaw(id: SandboxId): boolean {
    if (!this.#entries.has(id)) return false;
    this.#deps.cgroups.thaw(id);
    this.#pager.sleepEnded(id);
    return true;
  }

  async wake(id: SandboxId): Promise<EngineSandbox> {
    const entry = this.#find(id);
    const state = this.#stateOf(entry);
    if (state === "asleep") this.#deps.cgroups.thaw(id);
    this.#pager.sleepEnded(id);
    if (state !== "stopped") return this.#describe(entry, "running");
    return this.#changes.run(id, async () => {
      if (this.#entries.get(id) !== entry) throw notFound(id);
      if (this.#stateOf(entry) === "stopped") await this.#restart(entry);
      return this.#describe(entry);
    });
  }

  remove(id: SandboxId): Promise<void> {
    return this.#removals.run(id, () =>
      this.#changes.run(id, async () => {
        const entry = this.#entries.get(id);
        /* One whose records cannot be read has no entry, but its user may still ask for its end. */
        if (entry === undefined) await this.#erase(id);
        else await this.#end(id, entry);
      }),
    );
  }

  async images(): Promise<EngineImage[]> {
    return this.#deps.images.list();
  }

  createVolume(id: VolumeId, sizeMiB: number, source?: VolumeId): Promise<void> {
    return this.#deps.volumes.create(id, sizeMiB, source);
  }

  unpackVolume(id: VolumeId, sizeMiB: number, archive: ReadableStream<Uint8Array>): Promise<UnpackedVolume> {
    return this.#deps.volumes.unpack(id, sizeMiB, archive);
  }

  resizeVolume(id: VolumeId, sizeMiB: number): Promise<void> {
    return this.#deps.volumes.resize(id, sizeMiB);
  }

  removeVolume(id: VolumeId): Promise<void> {
    return this.#deps.volumes.remove(id);
  }

  async #start(entry: Entry, image: ImageManifest): Promise<void> {
    const { layout, cgroups, layers, slots, volumes, bundle, startTimeoutMs } = this.#deps;
    const { spec, files } = entry;
    const slot = await slots.acquire();
    entry.slot = slot;
    const networkNamespace = `/run/netns/${slot.name}`;
    prepareRunFiles(spec, files);
    const input = { spec, image, files, defaults: bundle, networkNamespace, volumes: volumes.bindsOf(spec) };
    writeFileSync(files.bundle, JSON.stringify(ociConfig(input)));
    const cgroupFiles = cgroups.create(spec.id, { ...spec, maxProcessCount: MAX_PROCESS_COUNT });
    const initPid = await this.#starts.run(() =>
      withRootfs(layers.use(image.layers), files, () =>
        volumes.withMounted(spec, () =>
          startContainer({
            id: spec.id,
            files,
            runtimeFile: this.#deps.runtimeFile,
            runtimeDir: layout.runtimeDir(),
            cgroupFiles,
            timeoutMs: startTimeoutMs,
          }),
        ),
      ),
    );
    const initStartTicks = processStartTicks(initPid);
    if (initStartTicks === undefined) {
      throw new AppError("SANDBOX_START_FAILED", `Cannot start sandbox "${spec.id}": it ended at once`);
    }
    entry.run = { initPid, initStartTicks, slot };
    writeRecord(files.run, entry.run);
  }

  /** From its entrypoint again, with its files: after a host reboot or when everything inside has died. */
  async #restart(entry: Entry): Promise<void> {
    await this.#endProcesses(entry.spec.id);
    await this.#giveBackNetwork(entry);
    await this.#start(entry, this.#deps.images.resolve(entry.spec.image));
  }

  /** Nothing is left of the sandbox afterwards. The run record goes first, so that a cut-off removal is finished at the next start. */
  async #end(id: SandboxId, entry: Entry): Promise<void> {
    await rm(entry.files.run, { force: true });
    this.#pager.forget(id);
    await this.#endProcesses(id);
    await this.#deps.volumes.release(entry.spec);
    await Promise.all([this.#giveBackNetwork(entry), this.#removeDataFiles(id)]);
    this.#entries.delete(id);
  }

  async #erase(id: SandboxId): Promise<void> {
    await this.#endProcesses(id);
    await this.#removeDataFiles(id);
  }

  /** Ends what runs in the sandbox and takes its groups and run-time files away; its own files stay. */
  async #endProcesses(id: SandboxId): Promise<void> {
    const { cgroups, layout } = this.#deps;
    await endProcesses(cgroups, id);
    for (const dir of [join(layout.runtimeDir(), id), layout.sandboxRunDir(id)]) {
      await rm(dir, { recursive: true, force: true });
    }
  }

  async #giveBackNetwork(entry: Entry): Promise<void> {
    const { slot } = entry;
    entry.slot = undefined;
    if (slot !== undefined) await this.#deps.slots.recycle(slot);
  }

  async #removeDataFiles(id: SandboxId): Promise<void> {
    await rm(this.#deps.layout.sandboxDir(id), { recursive: true, force: true });
  }

  #find(id: SandboxId): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw notFound(id);
    return entry;
  }

  #filesOf(id: SandboxId): SandboxFiles {
    return sandboxFiles(this.#deps.layout, id);
  }

  #stateOf(entry: Entry): EngineSandboxState {
    if (entry.run === undefined || !isAlive(entry.run)) return "stopped";
    return this.#deps.cgroups.isFrozen(entry.spec.id) ? "asleep" : "running";
  }

  #describe(entry: Entry, state = this.#stateOf(entry)): EngineSandbox {
    return {
      id: entry.spec.id,
      state,
      address: entry.run?.slot.address ?? "",
      freezeFile: this.#deps.cgroups.freezeFile(entry.spec.id),
      image: entry.spec.image,
      createdAtMs: entry.createdAtMs,
    };
  }
}

const notFound = (id: SandboxId): AppError =>
  new AppError("SANDBOX_NOT_FOUND", `Cannot find sandbox "${id}": the engine has none with this id`);
