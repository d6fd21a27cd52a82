import { AppError } from "@dormouse/kernel";
import type { EngineSandbox, EngineSandboxSpec, EngineSandboxState, SandboxId } from "@dormouse/schema";
import type { Load } from "./admission.ts";
import type { Cgroups } from "./cgroups.ts";
import type { ImageManifest } from "./images/manifest.ts";
import type { SandboxFiles } from "./layout.ts";
import type { NetworkSlot } from "./network/slots.ts";
import { isAlive, type RunRecord } from "./records.ts";

/** One sandbox, as its engine knows it. */
export interface Entry {
  readonly spec: EngineSandboxSpec;
  readonly createdAtMs: number;
  /** What it starts from; unknown of one that an earlier version has made, until it starts again. */
  image: ImageManifest | undefined;
  readonly files: SandboxFiles;
  run: RunRecord | undefined;
  /** Set when this engine made the network, so it can be used again; else the kernel ends it with the sandbox. */
  slot: NetworkSlot | undefined;
}

/** The sandboxes of an engine. Their state is not kept: the kernel is asked. */
export class Entries {
  readonly #cgroups: Cgroups;
  readonly #entries = new Map<SandboxId, Entry>();
  /** Without an entry, though something of them is there: nobody knows what they use. */
  readonly #unknown = new Set<SandboxId>();

  constructor(cgroups: Cgroups) {
    this.#cgroups = cgroups;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** @throws SANDBOX_ALREADY_EXISTS */
  assertFree(id: SandboxId): void {
    if (!this.#entries.has(id)) return;
    throw new AppError("SANDBOX_ALREADY_EXISTS", `Cannot create sandbox "${id}": it exists already`);
  }

  add(entry: Entry): void {
    this.#entries.set(entry.spec.id, entry);
  }

  noteUnknown(id: SandboxId): void {
    this.#unknown.add(id);
  }

  /** Nothing is left of it. */
  forget(id: SandboxId): void {
    this.#entries.delete(id);
    this.#unknown.delete(id);
  }

  get(id: SandboxId): Entry | undefined {
    return this.#entries.get(id);
  }

  /** @throws SANDBOX_NOT_FOUND */
  find(id: SandboxId): Entry {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return entry;
    throw new AppError("SANDBOX_NOT_FOUND", `Cannot find sandbox "${id}": the engine has none with this id`);
  }

  /** Those that have been started. */
  list(): EngineSandbox[] {
    return [...this.#entries.values()].filter((entry) => entry.run !== undefined).map((entry) => this.describe(entry));
  }

  stateOf({ run, spec }: Entry): EngineSandboxState {
    if (run === undefined || !isAlive(run)) return "stopped";
    return this.#cgroups.isFrozen(spec.id) ? "asleep" : "running";
  }

  describe(entry: Entry, state = this.stateOf(entry)): EngineSandbox {
    return {
      id: entry.spec.id,
      state,
      address: entry.run?.slot.address ?? "",
      freezeFile: this.#cgroups.freezeFile(entry.spec.id),
      image: entry.spec.image,
      createdAtMs: entry.createdAtMs,
      ...(entry.run?.restart !== undefined && { restart: entry.run.restart }),
    };
  }

  /** What all but one hold. Those asleep count with their whole limit: each may wake without asking anybody (decision 0005). */
  loadBeside(id?: SandboxId): Load {
    const entries = [...this.#entries.values()].filter(({ spec }) => spec.id !== id);
    return {
      sandboxCount: entries.length,
      startingCount: entries.filter(({ run }) => run === undefined).length,
      memoryLimitMiB: entries.reduce((sum, { spec }) => sum + spec.memoryMiB, 0),
    };
  }

  /** Layers under all sandboxes; undefined while that cannot be told of one of them. */
  layersInUse(): ReadonlySet<string> | undefined {
    const images = [...this.#entries.values()].map(({ image }) => image);
    const known = images.filter((image) => image !== undefined);
    if (known.length < images.length || this.#unknown.size > 0) return undefined;
    return new Set(known.flatMap(({ layers }) => layers));
  }
}
