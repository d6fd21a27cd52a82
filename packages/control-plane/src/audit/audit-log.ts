import { randomId } from "@dormouse/kernel";
import type { AuditRecord, Store } from "@dormouse/store";
import type { Logger } from "../ports.ts";

/** What a server that is killed can lose of the log. */
const FLUSH_AFTER_MS = 200;

const BUFFER_MAX_COUNT = 10_000;

/** Requests that tell nobody's name leave one entry a minute and address, from so many addresses. */
const ANONYMOUS_WINDOW_MS = 60_000;
const ADDRESSES_MAX_COUNT = 1000;

interface AuditLogDeps {
  readonly store: Store;
  readonly log: Logger;
  readonly clock: () => number;
}

/**
 * Writes down who did what. Entries are stored in batches a moment later, so that no request waits for them: `kill -9` loses
 * those of the last 200 ms, `close` none.
 */
export class AuditLog implements AsyncDisposable {
  readonly #deps: AuditLogDeps;
  #buffer: AuditRecord[] = [];
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #sequence = 0;
  #anonymousSince = 0;
  readonly #anonymousAddresses = new Set<string>();

  constructor(deps: AuditLogDeps) {
    this.#deps = deps;
  }

  /** `isAnonymous` when nothing proves that whoever called belongs to anybody. */
  record(entry: Omit<AuditRecord, "id" | "atMs">, isAnonymous = entry.actor === undefined): void {
    const atMs = this.#deps.clock();
    if (isAnonymous && !this.#isFirstOf(entry.clientAddress ?? "", atMs)) return;
    if (this.#buffer.length >= BUFFER_MAX_COUNT) {
      this.#buffer.shift();
      this.#deps.log.warn({ event: "audit.drop", message: "the store does not take the audit log" });
    }
    this.#buffer.push({ ...entry, id: this.#nextId(atMs), atMs });
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
  }

  /** Resolves when everything recorded so far is stored, or could not be. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #write(): Promise<void> {
    const batch = this.#buffer;
    if (batch.length === 0) return;
    this.#buffer = [];
    try {
      await this.#deps.store.audit.insert(batch);
    } catch (error) {
      this.#buffer = [...batch, ...this.#buffer].slice(-BUFFER_MAX_COUNT);
      this.#deps.log.error({ event: "audit.write", outcome: "failure", cause: String(error), count: batch.length });
    }
  }

  /** Sorts by time, within a millisecond by order. */
  #nextId(atMs: number): string {
    this.#sequence = (this.#sequence + 1) % 36 ** 4;
    return `${atMs.toString(36).padStart(9, "0")}${this.#sequence.toString(36).padStart(4, "0")}${randomId(4)}`;
  }

  #isFirstOf(address: string, atMs: number): boolean {
    if (atMs - this.#anonymousSince >= ANONYMOUS_WINDOW_MS) {
      this.#anonymousSince = atMs;
      this.#anonymousAddresses.clear();
    }
    if (this.#anonymousAddresses.has(address) || this.#anonymousAddresses.size >= ADDRESSES_MAX_COUNT) return false;
    this.#anonymousAddresses.add(address);
    return true;
  }
}
