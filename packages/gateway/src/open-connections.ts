import type { GatewayDirectory } from "@dormouse/schema";
import { type Credential, isStillAdmitted, keyOf } from "./credential.ts";
import type { Lease } from "./lease.ts";

/** Rights that end by themselves, by an expiry, are noticed within this time. */
const SWEEP_INTERVAL_MS = 1000;

/** What outlives the request it began with. */
export type ConnectionType = "stream" | "websocket";

interface Group {
  readonly credential: Credential;
  readonly leases: Map<Lease, ConnectionType>;
}

/** Streams and WebSockets that outlive the request they began with, by what admitted them: they end when that does. */
export class OpenConnections implements Disposable {
  readonly #directory: GatewayDirectory;
  readonly #groups = new Map<string, Group>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(directory: GatewayDirectory) {
    this.#directory = directory;
  }

  hold(lease: Lease, credential: Credential, type: ConnectionType): void {
    const key = keyOf(credential);
    const group = this.#groups.get(key) ?? { credential, leases: new Map() };
    group.leases.set(lease, type);
    this.#groups.set(key, group);
    this.#timer ??= setInterval(() => this.recheck(), SWEEP_INTERVAL_MS).unref();
  }

  /** How many are open now. */
  counts(): Record<ConnectionType, number> {
    const counts = { stream: 0, websocket: 0 };
    for (const { leases } of this.#groups.values()) {
      for (const [lease, type] of leases) if (lease.isOpen) counts[type] += 1;
    }
    return counts;
  }

  /** Ends what is admitted no more. */
  recheck(): void {
    for (const [key, { credential, leases }] of this.#groups) {
      const isAdmitted = isStillAdmitted(this.#directory, credential);
      for (const lease of leases.keys()) {
        if (!isAdmitted && lease.isOpen) lease.abort();
        if (!lease.isOpen) leases.delete(lease);
      }
      if (leases.size === 0) this.#groups.delete(key);
    }
    if (this.#groups.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
