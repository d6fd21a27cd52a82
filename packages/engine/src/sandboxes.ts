import { rmSync } from "node:fs";
import { faultPoint, KeyedMutex, Semaphore, SingleFlight } from "@dormouse/kernel";
import type {
  EngineCreation,
  EngineSandbox,
  EngineSandboxMemory,
  EngineSandboxSpec,
  EngineStats,
  SandboxId,
  SandboxPort,
} from "@dormouse/schema";
import { admitCreate, hostRoom, type HostRoom, isMemoryShort } from "./admission.ts";
import { beginAgain, type BeginDeps, beginNew, beginWarm } from "./begin.ts";
import { Entries, type Entry } from "./entries.ts";
import { type ImageManifest, referenceOf } from "./images/manifest.ts";
import { sandboxFiles } from "./layout.ts";
import type { MemoryGuard } from "./memory/guard.ts";
import { Pager } from "./memory/pager.ts";
import { memoryOf } from "./memory/usage.ts";
import { type StoredSandbox, writeRecord } from "./records.ts";
import { endRun, removeRemains, removeSandbox } from "./remove.ts";
import { prepareFiles } from "./rootfs.ts";
import { WarmPool } from "./warm-pool.ts";
import { discardWarm, fits, prepareWarm, WARM_MEMORY_MIB, type WarmSandbox } from "./warm-sandbox.ts";

export interface SandboxesDeps extends Omit<BeginDeps, "turns"> {
  readonly guard: MemoryGuard;
  /** How many start at once: more would only make each slower. */
  readonly parallelStartCount: number;
  /** How many sandboxes are kept started ahead of need, by image as `name:tag`. */
  readonly warmSizes: ReadonlyMap<string, number>;
  /** How long a sandbox sleeps before its memory goes to swap; 0 for never. */
  readonly pageOutAfterMs: number;
}

/** The life of every sandbox on this machine: create, sleep, wake, remove. The kernel and the disk hold the truth. */
export class Sandboxes implements SandboxPort {
  readonly #deps: SandboxesDeps & BeginDeps;
  readonly #entries: Entries;
  readonly #changes = new KeyedMutex();
  readonly #removals = new SingleFlight<void>();
  readonly #warm: WarmPool;
  readonly #pager: Pager;
  #creatingCount = 0;

  constructor(deps: SandboxesDeps) {
    const turns = new Semaphore(deps.parallelStartCount);
    this.#deps = { ...deps, turns };
    this.#entries = new Entries(deps.cgroups);
    this.#warm = new WarmPool({
      sizes: deps.warmSizes,
      prepare: async (image) => {
        this.#admit(undefined, WARM_MEMORY_MIB);
        return prepareWarm(deps, deps.images.resolve(image));
      },
      discard: (sandbox) => discardWarm(deps, sandbox),
      mayPrepare: () => this.#creatingCount === 0,
    });
    this.#pager = new Pager({
      cgroups: deps.cgroups,
      afterMs: deps.pageOutAfterMs,
      isEngineBusy: () => !turns.isIdle,
    });
  }

  get count(): number {
    return this.#entries.count;
  }

  /** Takes up what an earlier engine left: sandboxes go on, halves of creates and removes are swept away. */
  async adopt(stored: ReadonlyMap<SandboxId, StoredSandbox>): Promise<void> {
    /* What cannot be ended keeps nobody from being served: a half is tried again at the next start, a dead one at its restart. */
    await Promise.allSettled([...stored].map(([id, sandbox]) => this.#adoptOne(id, sandbox)));
  }

  async #adoptOne(id: SandboxId, sandbox: StoredSandbox): Promise<void> {
    if (sandbox.state !== "whole") this.#entries.noteUnknown(id);
    if (sandbox.state === "unreadable") return;
    if (sandbox.spec !== undefined) this.#deps.volumes.adopt(sandbox.spec);
    if (sandbox.state === "half") return this.#removeRemains(id, sandbox.spec);
    const { spec, createdAtMs, image, run } = sandbox;
    const entry = { spec, createdAtMs, image, run, files: sandboxFiles(this.#deps.layout, id), slot: undefined };
    this.#entries.add(entry);
    const state = this.#entries.stateOf(entry);
    if (state === "asleep") this.#pager.sleepBegan(id);
    /* A restart that was cut off may have left some that run. */
    if (state === "stopped") await endRun(this.#deps, id);
  }

  async readyIds(image: string): Promise<SandboxId[]> {
    return this.#warm.readyIds(imageKey(image));
  }

  /** Layers under all sandboxes; undefined while that cannot be told of one of them. */
  layersInUse(): ReadonlySet<string> | undefined {
    return this.#entries.layersInUse();
  }

  /** Sandboxes kept ready are made from now on. */
  startWarmPool(): void {
    this.#warm.refill();
  }

  /** Ends the sandboxes that are nobody's, and what else runs in the background. */
  async close(): Promise<void> {
    await this.#warm.close();
    await this.#pager[Symbol.asyncDispose]();
  }

  async create(spec: EngineSandboxSpec): Promise<EngineCreation> {
    this.#creatingCount += 1;
    try {
      const created = await this.#changes.run(spec.id, () => this.#create(spec));
      return { ...created, readyIds: this.#warm.readyIds(imageKey(spec.image)) };
    } finally {
      this.#creatingCount -= 1;
      if (this.#creatingCount === 0) this.#warm.refill();
    }
  }

  async #create(spec: EngineSandboxSpec): Promise<EngineSandbox> {
    const { images, layout, slots, turns } = this.#deps;
    this.#entries.assertFree(spec.id);
    this.#admit(spec.id, spec.memoryMiB);
    /* Its layers are its own from here on: nothing comes between this and its entry. */
    const image = images.resolve(spec.image);
    const entry: Entry = {
      spec: { ...spec, image: referenceOf(image) },
      createdAtMs: Date.now(),
      image,
      files: sandboxFiles(layout, spec.id),
      run: undefined,
      slot: undefined,
    };
    this.#entries.add(entry);
    try {
      await this.#begin(entry, image);
      return this.#entries.describe(entry, "running");
    } catch (error) {
      await this.#remove(entry);
      throw error;
    } finally {
      if (turns.isIdle) slots.refillWhenLow();
    }
  }

  async #begin(entry: Entry, image: ImageManifest): Promise<void> {
    const warm = await this.#takeWarm(entry.spec, image);
    entry.slot = warm?.slot;
    this.#deps.volumes.claim(entry.spec);
    faultPoint("engine.create.claimed");
    if (warm === undefined) prepareFiles(entry.files);
    faultPoint("engine.create.folder");
    if (warm === undefined) await beginNew(this.#deps, entry, image);
    else await beginWarm(this.#deps, entry, warm);
  }

  async assertRoom(id: SandboxId, memoryMiB: number): Promise<void> {
    this.#admit(id, memoryMiB);
  }

  async get(id: SandboxId): Promise<EngineSandbox> {
    return this.#entries.describe(this.#entries.find(id));
  }

  async list(): Promise<EngineSandbox[]> {
    return this.#entries.list();
  }

  async sleep(id: SandboxId): Promise<void> {
    const entry = this.#entries.find(id);
    faultPoint("engine.sleep.asked");
    if (this.#entries.stateOf(entry) === "running") {
      this.#deps.cgroups.freeze(id);
      this.#pager.sleepBegan(id);
    }
    faultPoint("engine.sleep.frozen");
  }

  thaw(id: SandboxId): boolean {
    if (this.#entries.get(id) === undefined) return false;
    this.#deps.cgroups.thaw(id);
    this.#pager.sleepEnded(id);
    return true;
  }

  async wake(id: SandboxId): Promise<EngineSandbox> {
    const entry = this.#entries.find(id);
    const state = this.#entries.stateOf(entry);
    if (state === "asleep") this.#deps.cgroups.thaw(id);
    this.#pager.sleepEnded(id);
    faultPoint("engine.wake.thawed");
    if (state !== "stopped") return this.#entries.describe(entry, "running");
    return this.#changes.run(id, async () => {
      const found = this.#entries.find(id);
      if (this.#entries.stateOf(found) === "stopped") await beginAgain(this.#deps, found, this.hostRoom());
      return this.#entries.describe(found);
    });
  }

  async memory(id: SandboxId): Promise<EngineSandboxMemory> {
    this.#entries.find(id);
    const lastEnd = this.#deps.guard.lastEnd(id);
    const isPagedOut = this.#pager.isPagedOut(id);
    return { ...memoryOf(this.#deps.cgroups.processIds(id)), isPagedOut, ...(lastEnd && { lastEnd }) };
  }

  async forbidRestart(id: SandboxId, reason: string | null): Promise<void> {
    const { restartBan, dataDir } = this.#entries.find(id).files;
    if (reason === null) rmSync(restartBan, { force: true });
    else writeRecord(restartBan, { reason });
    this.#deps.disk.later(dataDir);
  }

  remove(id: SandboxId): Promise<void> {
    return this.#removals.run(id, () =>
      this.#changes.run(id, async () => {
        const entry = this.#entries.get(id);
        /* One whose records cannot be read has no entry, but its user may still ask for its end. */
        if (entry === undefined) await this.#removeRemains(id, undefined);
        else await this.#remove(entry);
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

  async #remove(entry: Entry): Promise<void> {
    const { id } = entry.spec;
    this.#pager.forget(id);
    this.#deps.guard.forget(id);
    await removeSandbox(this.#deps, entry);
    this.#entries.forget(id);
  }

  async #removeRemains(id: SandboxId, spec: EngineSandboxSpec | undefined): Promise<void> {
    await removeRemains(this.#deps, id, spec);
    this.#entries.forget(id);
  }

  /** One started ahead of need under the id of the spec, when it can become what is asked for. */
  async #takeWarm(spec: EngineSandboxSpec, image: ImageManifest): Promise<WarmSandbox | undefined> {
    const warm = this.#warm.take(spec.id);
    if (warm === undefined || fits(warm, spec, image)) return warm;
    await discardWarm(this.#deps, warm);
    return undefined;
  }

  /** Beside all others, those kept ready included. @throws HOST_FULL */
  #admit(id: SandboxId | undefined, memoryMiB: number): void {
    const load = this.#entries.loadBeside(id);
    const warmCount = this.#warm.countBeside(id);
    const sandboxCount = load.sandboxCount + warmCount;
    const memoryLimitMiB = load.memoryLimitMiB + warmCount * WARM_MEMORY_MIB;
    admitCreate(this.#deps.admission, this.hostRoom(), { ...load, sandboxCount, memoryLimitMiB }, memoryMiB);
  }

  /** What somebody needs room for. Where memory is short, that of sleepers does not wait until it is due to leave. */
  hostRoom(): HostRoom {
    const { admission, layout } = this.#deps;
    const room = hostRoom(layout.dataDir);
    if (isMemoryShort(admission, room)) this.#pager.hurry();
    return room;
  }
}

/** As the pool calls an image. */
function imageKey(reference: string): string {
  const name = reference.replace(/^(blaxel|sandbox)\//, "");
  return name.includes(":") ? name : `${name}:latest`;
}
