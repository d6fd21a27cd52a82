import { rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, faultPoint, KeyedMutex, randomId, Semaphore, SingleFlight } from "@dormouse/kernel";
import {
  type EngineSandbox,
  type EngineSandboxMemory,
  type EngineSandboxSpec,
  type EngineSandboxState,
  type EngineStats,
  SandboxId,
  type SandboxPort,
  type SandboxRestart,
} from "@dormouse/schema";
import { admitCreate, admitRestart, type AdmissionPolicy, hostRoom, type Load } from "./admission.ts";
import type { BundleDefaults } from "./bundle.ts";
import { type Cgroups, endProcesses } from "./cgroups.ts";
import type { DiskSync } from "./disk-sync.ts";
import type { LayerMounts } from "./images/layer-mounts.ts";
import { type ImageManifest, referenceOf } from "./images/manifest.ts";
import type { ImageStore } from "./images/store.ts";
import { type Layout, type SandboxFiles, sandboxFiles } from "./layout.ts";
import { MemoryGuard } from "./memory/guard.ts";
import { Pager } from "./memory/pager.ts";
import { memoryOf } from "./memory/usage.ts";
import type { NetworkSlot, SlotPool } from "./network/slots.ts";
import {
  assertRestartAllowed,
  isAlive,
  isOfThisBoot,
  type RunRecord,
  type StoredSandbox,
  writeRecord,
} from "./records.ts";
import { prepareFiles } from "./rootfs.ts";
import { startProcesses } from "./start.ts";
import { WarmPool } from "./warm-pool.ts";
import { adoptWarm, discardWarm, fits, prepareWarm, WARM_MEMORY_MIB, type WarmSandbox } from "./warm-sandbox.ts";
import type { Volumes } from "./volumes/volumes.ts";

export interface SandboxesDeps {
  readonly layout: Layout;
  readonly cgroups: Cgroups;
  readonly images: ImageStore;
  readonly layers: LayerMounts;
  readonly slots: SlotPool;
  readonly volumes: Volumes;
  readonly disk: DiskSync;
  readonly bundle: BundleDefaults;
  readonly admission: AdmissionPolicy;
  /** How many start at once: more would only make each slower. */
  readonly parallelStartCount: number;
  /** The OCI runtime's program. */
  readonly runtimeFile: string;
  readonly startTimeoutMs: number;
  /** How many sandboxes are kept started ahead of need, by image as `name:tag`. */
  readonly warmSizes: ReadonlyMap<string, number>;
  /** How long a sandbox sleeps before its memory goes to swap; 0 for never. */
  readonly pageOutAfterMs: number;
}

interface Entry {
  readonly spec: EngineSandboxSpec;
  readonly createdAtMs: number;
  /** What it starts from; unknown of one that an earlier version has made, until it starts again. */
  image: ImageManifest | undefined;
  readonly files: SandboxFiles;
  run: RunRecord | undefined;
  /** Set when this engine made the network, so it can be used again; else the kernel ends it with the sandbox. */
  slot: NetworkSlot | undefined;
}

/** The life of every sandbox on this machine: create, sleep, wake, remove. The kernel and the disk hold the truth. */
export class Sandboxes implements SandboxPort {
  readonly #deps: SandboxesDeps;
  readonly #entries = new Map<SandboxId, Entry>();
  readonly #changes = new KeyedMutex();
  readonly #starts: Semaphore;
  readonly #removals = new SingleFlight<void>();
  readonly #warm: WarmPool;
  readonly #pager: Pager;
  readonly #guard: MemoryGuard;
  /** Without an entry, though something of them is there: nobody knows what they use. */
  readonly #unknown = new Set<SandboxId>();
  #creatingCount = 0;

  constructor(deps: SandboxesDeps) {
    this.#deps = deps;
    this.#starts = new Semaphore(deps.parallelStartCount);
    this.#warm = new WarmPool({
      sizes: deps.warmSizes,
      prepare: async (image) => {
        admitCreate(deps.admission, hostRoom(deps.layout.dataDir), this.#loadBeside(), WARM_MEMORY_MIB);
        return prepareWarm(deps, deps.images.resolve(image));
      },
      discard: (sandbox) => discardWarm(deps, sandbox),
      mayPrepare: () => this.#creatingCount === 0,
    });
    this.#guard = new MemoryGuard(deps.cgroups);
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
    /* What cannot be ended keeps nobody from being served: a half is tried again at the next start, a dead one at its restart. */
    await Promise.allSettled([...stored].map(([id, sandbox]) => this.#adoptOne(id, sandbox)));
  }

  async #adoptOne(id: SandboxId, sandbox: StoredSandbox): Promise<void> {
    if (sandbox.state !== "whole") this.#unknown.add(id);
    if (sandbox.state === "unreadable") return;
    if (sandbox.spec !== undefined) this.#deps.volumes.adopt(sandbox.spec);
    if (sandbox.state === "half") return this.#erase(id, sandbox.spec);
    const { spec, createdAtMs, image, run } = sandbox;
    const entry = { spec, createdAtMs, image, run, files: this.#filesOf(id), slot: undefined };
    this.#entries.set(id, entry);
    const state = this.#stateOf(entry);
    if (state === "asleep") this.#pager.sleepBegan(id);
    /* A restart that was cut off may have left some that run. */
    if (state === "stopped") await this.#endProcesses(id);
  }

  async newId(image: string): Promise<SandboxId> {
    return this.#warm.reserve(imageKey(image)) ?? SandboxId.parse(randomId());
  }

  /** Layers under all sandboxes; undefined while that cannot be told of one of them. */
  layersInUse(): ReadonlySet<string> | undefined {
    const images = [...this.#entries.values()].map(({ image }) => image);
    const known = images.filter((image) => image !== undefined);
    if (known.length < images.length || this.#unknown.size > 0) return undefined;
    return new Set(known.flatMap(({ layers }) => layers));
  }

  /** Sandboxes kept ready are made from now on. */
  startWarmPool(): void {
    this.#warm.refill();
  }

  /** Ends the sandboxes that are nobody's, and what else runs in the background. */
  async close(): Promise<void> {
    this.#guard[Symbol.dispose]();
    await this.#warm.close();
    await this.#pager[Symbol.asyncDispose]();
  }

  async create(spec: EngineSandboxSpec): Promise<EngineSandbox> {
    this.#creatingCount += 1;
    try {
      return await this.#create(spec);
    } finally {
      this.#creatingCount -= 1;
      if (this.#creatingCount === 0) this.#warm.refill();
    }
  }

  async #create(spec: EngineSandboxSpec): Promise<EngineSandbox> {
    return this.#changes.run(spec.id, async () => {
      if (this.#entries.has(spec.id)) {
        throw new AppError("SANDBOX_ALREADY_EXISTS", `Cannot create sandbox "${spec.id}": it exists already`);
      }
      this.#admit(spec.id, spec.memoryMiB);
      /* Its layers are its own from here on: nothing comes between this and its entry. */
      const image = this.#deps.images.resolve(spec.image);
      const entry: Entry = {
        spec: { ...spec, image: referenceOf(image) },
        createdAtMs: Date.now(),
        image,
        files: this.#filesOf(spec.id),
        run: undefined,
        slot: undefined,
      };
      this.#entries.set(spec.id, entry);
      try {
        const warm = await this.#takeWarm(spec, image);
        entry.slot = warm?.run.slot;
        this.#deps.volumes.claim(spec);
        faultPoint("engine.create.claimed");
        if (warm === undefined) prepareFiles(entry.files);
        faultPoint("engine.create.folder");
        if (warm === undefined) await this.#startNew(entry, image);
        else await this.#adopt(entry, warm);
        return this.#describe(entry, "running");
      } catch (error) {
        await this.#end(spec.id, entry);
        throw error;
      } finally {
        if (this.#starts.isIdle) this.#deps.slots.refillWhenLow();
      }
    });
  }

  async assertRoom(id: SandboxId, memoryMiB: number): Promise<void> {
    this.#admit(id, memoryMiB);
  }

  async get(id: SandboxId): Promise<EngineSandbox> {
    return this.#describe(this.#find(id));
  }

  async list(): Promise<EngineSandbox[]> {
    return [...this.#entries.values()].filter((entry) => entry.run !== undefined).map((entry) => this.#describe(entry));
  }

  async sleep(id: SandboxId): Promise<void> {
    const entry = this.#find(id);
    faultPoint("engine.sleep.asked");
    if (this.#stateOf(entry) === "running") {
      this.#deps.cgroups.freeze(id);
      this.#pager.sleepBegan(id);
    }
    faultPoint("engine.sleep.frozen");
  }

  async memory(id: SandboxId): Promise<EngineSandboxMemory> {
    this.#find(id);
    const lastEnd = this.#guard.lastEnd(id);
    const isPagedOut = this.#pager.isPagedOut(id);
    return { ...memoryOf(this.#deps.cgroups.processIds(id)), isPagedOut, ...(lastEnd && { lastEnd }) };
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
    faultPoint("engine.wake.thawed");
    if (state !== "stopped") return this.#describe(entry, "running");
    return this.#changes.run(id, async () => {
      if (this.#entries.get(id) !== entry) throw notFound(id);
      if (this.#stateOf(entry) === "stopped") await this.#restart(entry);
      return this.#describe(entry);
    });
  }

  async forbidRestart(id: SandboxId, reason: string | null): Promise<void> {
    const { restartBan } = this.#find(id).files;
    if (reason === null) rmSync(restartBan, { force: true });
    else writeRecord(restartBan, { reason });
    this.#deps.disk.later(this.#filesOf(id).dataDir);
  }

  remove(id: SandboxId): Promise<void> {
    return this.#removals.run(id, () =>
      this.#changes.run(id, async () => {
        const entry = this.#entries.get(id);
        /* One whose records cannot be read has no entry, but its user may still ask for its end. */
        if (entry === undefined) await this.#erase(id, undefined);
        else await this.#end(id, entry);
      }),
    );
  }

  async stats(): Promise<EngineStats> {
    const { user, system } = process.cpuUsage();
    return {
      sandboxes: this.#deps.cgroups.memory(),
      engine: { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1_000_000 },
    };
  }

  async #startNew(entry: Entry, image: ImageManifest): Promise<void> {
    this.#recordSpec(entry);
    faultPoint("engine.create.spec");
    await this.#start(entry, image);
  }

  async #start(entry: Entry, image: ImageManifest, restart?: SandboxRestart): Promise<void> {
    const { spec, files } = entry;
    const slot = await this.#deps.slots.acquire();
    entry.slot = slot;
    const run = await startProcesses(this.#deps, this.#starts, { spec, files, image, slot });
    this.#record(entry, restart === undefined ? run : { ...run, restart });
  }

  #record(entry: Entry, run: RunRecord): void {
    const { files } = entry;
    entry.run = run;
    writeRecord(files.run, run);
    faultPoint("engine.start.recorded");
    this.#deps.disk.later(files.spec, files.run, files.dataDir, this.#deps.layout.sandboxesDir());
  }

  /** One started ahead of need under the id of the spec, when it can become what is asked for. */
  async #takeWarm(spec: EngineSandboxSpec, image: ImageManifest): Promise<WarmSandbox | undefined> {
    const warm = this.#warm.take(spec.id);
    if (warm === undefined || fits(warm, spec, image)) return warm;
    await discardWarm(this.#deps, warm);
    return undefined;
  }

  /** Recorded while its agent starts: without a record it is swept as a create that was cut off, as it was before. */
  async #adopt(entry: Entry, warm: WarmSandbox): Promise<void> {
    const adopted = adoptWarm(this.#deps, warm, entry.spec);
    try {
      this.#recordSpec(entry);
      faultPoint("engine.create.spec");
    } finally {
      await adopted;
    }
    this.#record(entry, warm.run);
  }

  /** From its entrypoint again, with its files: after a host reboot or when everything inside has died. */
  async #restart(entry: Entry): Promise<void> {
    assertRestartAllowed(entry.files);
    admitRestart(this.#deps.admission, hostRoom(this.#deps.layout.dataDir));
    const reason = entry.run === undefined || isOfThisBoot(entry.run) ? "processes-ended" : "host-reboot";
    await this.#endProcesses(entry.spec.id);
    await this.#giveBackNetwork(entry);
    faultPoint("engine.restart.ended");
    await this.#start(entry, this.#pinnedImage(entry), { atMs: Date.now(), reason });
  }

  #pinnedImage(entry: Entry): ImageManifest {
    if (entry.image !== undefined) return entry.image;
    const image = this.#deps.images.resolve(entry.spec.image);
    entry.image = image;
    this.#recordSpec(entry);
    return image;
  }

  #recordSpec({ files, spec, createdAtMs, image }: Entry): void {
    writeRecord(files.spec, { spec, createdAtMs, image });
  }

  #admit(id: SandboxId, memoryMiB: number): void {
    admitCreate(this.#deps.admission, hostRoom(this.#deps.layout.dataDir), this.#loadBeside(id), memoryMiB);
  }

  /** Sandboxes asleep count with their whole limit: each may wake without asking anybody (decision 0005). */
  #loadBeside(id?: SandboxId): Load {
    const entries = [...this.#entries.values()].filter(({ spec }) => spec.id !== id);
    const warmCount = this.#warm.countBeside(id);
    return {
      sandboxCount: entries.length + warmCount,
      startingCount: entries.filter(({ run }) => run === undefined).length,
      memoryLimitMiB: entries.reduce((sum, { spec }) => sum + spec.memoryMiB, warmCount * WARM_MEMORY_MIB),
    };
  }

  /** Nothing is left of the sandbox afterwards. The run record goes first, so that a cut-off removal is finished at the next start. */
  async #end(id: SandboxId, entry: Entry): Promise<void> {
    await rm(entry.files.run, { force: true });
    this.#pager.forget(id);
    this.#guard.forget(id);
    faultPoint("engine.remove.unrecorded");
    await this.#endProcesses(id);
    faultPoint("engine.remove.ended");
    await this.#deps.volumes.release(entry.spec);
    faultPoint("engine.remove.released");
    await Promise.all([this.#giveBackNetwork(entry), this.#removeDataFiles(id)]);
    faultPoint("engine.remove.erased");
    this.#entries.delete(id);
  }

  /** Of one without an entry. */
  async #erase(id: SandboxId, spec: EngineSandboxSpec | undefined): Promise<void> {
    await this.#endProcesses(id);
    if (spec !== undefined) await this.#deps.volumes.release(spec);
    await this.#removeDataFiles(id);
    this.#unknown.delete(id);
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
    const { layout, disk } = this.#deps;
    await rm(layout.sandboxDir(id), { recursive: true, force: true });
    disk.later(layout.sandboxesDir());
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
      ...(entry.run?.restart !== undefined && { restart: entry.run.restart }),
    };
  }
}

/** As the pool calls an image. */
function imageKey(reference: string): string {
  const name = reference.replace(/^(blaxel|sandbox)\//, "");
  return name.includes(":") ? name : `${name}:latest`;
}

const notFound = (id: SandboxId): AppError =>
  new AppError("SANDBOX_NOT_FOUND", `Cannot find sandbox "${id}": the engine has none with this id`);
