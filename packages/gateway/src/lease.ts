/** What a lease needs of the sandbox it keeps awake. */
export interface LeaseHolder {
  readonly address: string;
  /** Where to connect instead of a port whose app listens on loopback only. */
  readonly relayPorts: Map<number, number>;
  onLeaseEnd(lease: Lease): void;
  onAgentGone(): void;
}

/** What somebody does with a sandbox while they hold a lease. */
export type LeaseUse = "request" | "stream" | "webSocket" | "terminal";

/**
 * Keeps one sandbox awake, from before its wake until `release`. While any lease is open the sandbox is not put to sleep;
 * when the sandbox is deleted every lease is aborted.
 */
export class Lease {
  readonly #holder: LeaseHolder;
  /** Set by whoever finds that it is more than a request. */
  use: LeaseUse = "request";
  #isOpen = true;
  #isAborted = false;
  #onAbort: (() => void) | undefined;

  constructor(holder: LeaseHolder) {
    this.#holder = holder;
  }

  /** Address of the sandbox, known once it is awake. */
  get address(): string {
    return this.#holder.address;
  }

  get relayPorts(): Map<number, number> {
    return this.#holder.relayPorts;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True once the sandbox is deleted or the right to use it ended. */
  get isAborted(): boolean {
    return this.#isAborted;
  }

  /** Called once when the lease is aborted while it is open; the latest callback wins. */
  set onAbort(callback: () => void) {
    this.#onAbort = callback;
  }

  /** Says that nothing answers for the sandbox itself, so that the next request has the engine look after it. */
  reportAgentGone(): void {
    this.#holder.onAgentGone();
  }

  /** Idempotent. */
  release(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onAbort = undefined;
    this.#holder.onLeaseEnd(this);
  }

  /** The sandbox is gone, or whoever holds the lease may use it no longer: they must let go. */
  abort(): void {
    this.#isAborted = true;
    const onAbort = this.#onAbort;
    this.release();
    onAbort?.();
  }
}
