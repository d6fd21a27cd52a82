import { AppError } from "@dormouse/kernel";
import type { SandboxPort, EngineSandboxState, SandboxId } from "@dormouse/schema";
import type { Lease } from "./lease.ts";
import { type LifeActivity, SandboxLifeEntry, type LifeState } from "./life-entry.ts";

export interface SandboxLifeOptions {
  readonly engine: SandboxPort;
  /** Time after the last lease at which a sandbox falls asleep. */
  readonly idleMs: number;
}

export interface TrackedSandbox {
  readonly id: SandboxId;
  readonly address: string;
  readonly state: EngineSandboxState;
  /** Overrides the general idle time for this sandbox; infinite for one that is not to sleep. */
  readonly idleMs?: number | undefined;
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
    const { engine } = this.#options;
    const idleMs = sandbox.idleMs ?? this.#options.idleMs;
    if (known !== undefined) known.correct({ ...sandbox, idleMs });
    else this.#entries.set(sandbox.id, new SandboxLifeEntry({ ...sandbox, engine, idleMs }));
  }

  /** At once, counted from the last use; `undefined` for the general idle time. One that is not tracked has none. */
  setIdleMs(id: SandboxId, idleMs: number | undefined): void {
    this.#entries.get(id)?.setIdleMs(idleMs ?? this.#options.idleMs);
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

  /** Undefined for a sandbox that is not tracked. */
  activity(id: SandboxId): LifeActivity | undefined {
    return this.#entries.get(id)?.activity;
  }

  /** Asks inside, but wakes nobody; undefined when the sandbox sleeps or does not say. */
  async countKeepAlive(id: SandboxId): Promise<number | undefined> {
    return this.#entries.get(id)?.countKeepAlive();
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
