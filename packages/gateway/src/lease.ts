/** What a lease needs of the sandbox it keeps awake. */
export interface LeaseHolder {
  readonly address: string;
  onLeaseEnd(lease: Lease): void;
  onAgentGone(): void;
}

/**
 * Keeps one sandbox awake, from before its wake until `release`. While any lease is open the sandbox is not put to sleep;
 * when the sandbox is deleted every lease is aborted.
 */
export class Lease {
  readonly #holder: LeaseHolder;
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

  /** True once the sandbox is deleted. */
  get isAborted(): boolean {
    return this.#isAborted;
  }

  /** Called once when the sandbox is deleted while the lease is open; the latest callback wins. */
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

  /** The sandbox is gone: whoever holds the lease must let go. */
  abort(): void {
    this.#isAborted = true;
    const onAbort = this.#onAbort;
    this.release();
    onAbort?.();
  }
}
