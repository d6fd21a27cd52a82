import { AppError } from "@dormouse/kernel";
import type { SandboxPort, EngineSandboxState, SandboxId } from "@dormouse/schema";
import type { Lease } from "./lease.ts";
import { SandboxLifeEntry, type LifeState } from "./life-entry.ts";

export interface SandboxLifeOptions {
  readonly engine: SandboxPort;
  /** Time after the last lease at which a sandbox falls asleep. */
  readonly idleMs: number;
}

export interface TrackedSandbox {
  readonly id: SandboxId;
  readonly address: string;
  readonly state: EngineSandboxState;
  /** Overrides the general idle time for this sandbox. */
  readonly idleMs?: number;
}

/**
 * Who is awake and who uses whom. Every request to a sandbox holds a lease; the last lease's end starts the idle time, at
 * whose end the sandbox is frozen; the next request wakes it and is held meanwhile, never refused.
 */
export class SandboxLife implements AsyncDisposable {
  readonly #options: SandboxLifeOptions;
  readonly #entries = new Map<SandboxId, SandboxLifeEntry>();

  constructor(options: SandboxLifeOptions) {
    this.#options = options;
  }

  /** Starts to look after a sandbox the engine has, or corrects what is known of one. */
  track(sandbox: TrackedSandbox): void {
    const known = this.#entries.get(sandbox.id);
    if (known !== undefined) {
      known.correct(sandbox);
      return;
    }
    const { engine, idleMs } = this.#options;
    this.#entries.set(sandbox.id, new SandboxLifeEntry({ ...sandbox, engine, idleMs: sandbox.idleMs ?? idleMs }));
  }

  /** Ends a deleted sandbox: its open requests are aborted and new ones get SANDBOX_NOT_FOUND. Idempotent. */
  forget(id: SandboxId): void {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    entry?.end();
  }

  /** Undefined for a sandbox that is not tracked. */
  state(id: SandboxId): LifeState | undefined {
    return this.#entries.get(id)?.state;
  }

  /** How many sandboxes are in each state. */
  counts(): Record<LifeState, number> {
    const counts = { awake: 0, "falling-asleep": 0, asleep: 0, waking: 0 };
    for (const { state } of this.#entries.values()) counts[state] += 1;
    return counts;
  }

  /** Wall-clock time of the last lease's start or end, or of a keepAlive process's end; now while there is one of them. */
  lastUsedAtMs(id: SandboxId): number | undefined {
    return this.#entries.get(id)?.lastUsedAtMs;
  }

  /**
   * A lease on an awake sandbox: at once when it is awake, so that the usual request does not wait for a microtask, else
   * when its wake is done. Release it in every case.
   * @throws {AppError} SANDBOX_NOT_FOUND, or ENGINE_UNAVAILABLE when it cannot be woken; both also as rejections.
   */
  acquire(id: SandboxId): Lease | Promise<Lease> {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new AppError("SANDBOX_NOT_FOUND", `Cannot reach sandbox "${id}": it does not exist`);
    return entry.acquire();
  }

  /** Stops all timers and open requests; leaves the sandboxes as they are. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#entries.keys()) this.forget(id);
  }
}
