import { type FSWatcher, watch } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { SandboxId } from "@dormouse/schema";
import type { Cgroups } from "../cgroups.ts";
import { type Pages, ProcessMemory } from "./process-memory.ts";

export interface ReadAheadDeps {
  readonly cgroups: Pick<Cgroups, "eventsFile" | "isFrozen">;
  /** True while the engine does something that somebody waits for. */
  readonly isEngineBusy: () => boolean;
}

/** Of one process, in the order of addresses. */
export interface WorkingSet {
  readonly pid: number;
  readonly pages: readonly Pages[];
}

/** For more it would still be at it when the sandbox has long got by itself what it needs. */
export const READ_AHEAD_MAX_BYTES = 256 * 1024 * 1024;

interface Armed {
  readonly sets: readonly WorkingSet[];
  readonly watcher: FSWatcher;
}

/**
 * Reads memory that a sandbox used in its last waking time back from swap when it wakes, on another core than the sandbox, so that
 * it finds what it needs. The server wakes sandboxes without asking, so the kernel's own event tells of it.
 */
export class ReadAhead implements Disposable {
  readonly #deps: ReadAheadDeps;
  readonly #armed = new Map<SandboxId, Armed>();

  constructor(deps: ReadAheadDeps) {
    this.#deps = deps;
  }

  /** For the next wake of one that is asleep. */
  arm(id: SandboxId, sets: readonly WorkingSet[]): void {
    this.disarm(id);
    try {
      // `frozen` in it changes with the thaw; other changes come here too.
      const watcher = watch(this.#deps.cgroups.eventsFile(id), { persistent: false }, () => this.start(id));
      watcher.on("error", () => this.disarm(id));
      this.#armed.set(id, { sets, watcher });
    } catch {
      // Gone meanwhile, or the machine has no inotify watch left: the sandbox reads everything by itself.
    }
  }

  disarm(id: SandboxId): void {
    this.#armed.get(id)?.watcher.close();
    this.#armed.delete(id);
  }

  /** To be called when the sandbox may be awake; does nothing while it is not, and nothing twice. */
  start(id: SandboxId): void {
    const armed = this.#armed.get(id);
    if (armed === undefined || this.#deps.cgroups.isFrozen(id)) return;
    this.disarm(id);
    void this.#read(id, armed.sets);
  }

  [Symbol.dispose](): void {
    for (const id of this.#armed.keys()) this.disarm(id);
  }

  /** From the end: programs walk forwards, and the two meet in the middle instead of being after the same pages. */
  async #read(id: SandboxId, sets: readonly WorkingSet[]): Promise<void> {
    for (const { pid, pages } of sets) {
      using memory = ProcessMemory.open(pid);
      for (const chunk of pages.toReversed()) {
        if (this.#deps.isEngineBusy() || this.#deps.cgroups.isFrozen(id)) return;
        memory?.readAhead(chunk);
        await turn();
      }
    }
  }
}
