import type { SandboxId } from "@dormouse/schema";
import type { SandboxRecord, Store } from "@dormouse/store";
import type { ControlPlaneDeps, SandboxLife } from "../ports.ts";

/** Changes are gathered for this long and written together. */
const WRITE_DELAY_MS = 1000;

/** How far ahead the stored last use of an awake sandbox lies: a server that dies must not make one in use look idle. */
const VOUCH_MS = 60_000;
const VOUCH_RENEWAL_MS = 30_000;

/**
 * When each sandbox was last used, also after a restart. The life knows it exactly as long as the server runs; the store gets
 * it when a sandbox falls asleep and when the server stops. Without a stop it is up to a minute late, never early.
 */
export class LastUse implements AsyncDisposable {
  readonly #store: Store;
  readonly #life: SandboxLife;
  readonly #clock: () => number;
  /** What the life says of those it was told of at start, until they are used, and what was stored of them. */
  readonly #restored = new Map<SandboxId, { readonly saidMs: number | undefined; readonly storedMs: number }>();
  readonly #changed = new Set<SandboxId>();
  readonly #awake = new Set<SandboxId>();
  #isDisposed = false;
  #writeTimer: ReturnType<typeof setTimeout> | undefined;
  #renewalTimer: ReturnType<typeof setTimeout> | undefined;

  constructor({ store, life, clock }: Pick<ControlPlaneDeps, "store" | "life" | "clock">) {
    this.#store = store;
    this.#life = life;
    this.#clock = clock;
  }

  /** Now while it is in use. */
  atMs({ id, lastUsedAtMs, createdAtMs }: SandboxRecord): number {
    return this.#exactMs(id) ?? lastUsedAtMs ?? createdAtMs;
  }

  /** For one whose use began under an earlier server, after the life was told of it. */
  restore({ id, lastUsedAtMs, createdAtMs }: SandboxRecord): void {
    const storedMs = Math.min(lastUsedAtMs ?? createdAtMs, this.#clock());
    this.#restored.set(id, { saidMs: this.#life.lastUsedAtMs(id), storedMs });
    if (this.#isAwake(id)) this.note(id);
  }

  /** To be called when a sandbox has come into the life's care, has woken or has fallen asleep. */
  note(id: SandboxId): void {
    if (this.#isDisposed) return;
    this.#changed.add(id);
    this.#writeTimer ??= unreferenced(() => void this.write(), WRITE_DELAY_MS);
  }

  forget(id: SandboxId): void {
    this.#restored.delete(id);
    this.#changed.delete(id);
    this.#awake.delete(id);
  }

  /** Stores what has changed, without waiting for the next time. Never rejects: the next write makes good for this one. */
  async write(): Promise<void> {
    clearTimeout(this.#writeTimer);
    this.#writeTimer = undefined;
    const changed = [...this.#changed];
    this.#changed.clear();
    const awake = changed.filter((id) => this.#isAwake(id));
    for (const id of changed) this.#awake.delete(id);
    for (const id of awake) this.#awake.add(id);
    const asleep = changed.filter((id) => !this.#awake.has(id));
    if (this.#awake.size > 0) this.#renewalTimer ??= unreferenced(() => this.#renew(), VOUCH_RENEWAL_MS);
    try {
      await this.#store.sandboxes.setLastUsed(awake, this.#clock() + VOUCH_MS);
      await this.#writeExact(asleep);
    } catch {
      for (const id of changed) this.note(id);
    }
  }

  /** Stores the exact times of all; the life must still be there. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    clearTimeout(this.#writeTimer);
    clearTimeout(this.#renewalTimer);
    await this.#writeExact([...new Set([...this.#awake, ...this.#changed])]);
  }

  #renew(): void {
    this.#renewalTimer = undefined;
    for (const id of this.#awake) this.note(id);
  }

  async #writeExact(ids: readonly SandboxId[]): Promise<void> {
    for (const id of ids) {
      const atMs = this.#exactMs(id);
      if (atMs !== undefined) await this.#store.sandboxes.setLastUsed([id], atMs);
    }
  }

  /** `undefined` for one the life does not look after. */
  #exactMs(id: SandboxId): number | undefined {
    const saidMs = this.#life.lastUsedAtMs(id);
    const restored = this.#restored.get(id);
    return restored !== undefined && restored.saidMs === saidMs ? restored.storedMs : saidMs;
  }

  #isAwake(id: SandboxId): boolean {
    const state = this.#life.state(id);
    return state !== undefined && state !== "asleep";
  }
}

function unreferenced(call: () => void, delayMs: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(call, delayMs);
  timer.unref();
  return timer;
}
