import { setTimeout as delay } from "node:timers/promises";
import type { SandboxId } from "@dormouse/schema";
import type { Cgroups } from "../cgroups.ts";
import { type Pages, ProcessMemory } from "./process-memory.ts";
import { READ_AHEAD_MAX_BYTES, ReadAhead, type WorkingSet } from "./read-ahead.ts";
import { freeSwapBytes } from "./usage.ts";
import { compactZram } from "./zram.ts";

export interface PagerDeps {
  readonly cgroups: Cgroups;
  /** How long a sandbox sleeps before its memory leaves; 0 for never. */
  readonly afterMs: number;
  /** True while the engine does something that somebody waits for. */
  readonly isEngineBusy: () => boolean;
}

/** Moved in one go: the engine stands still for as long, 0.2 to 0.6 ms, and a wake in the middle waits no longer. */
const CHUNK_BYTES = 256 * 1024;
/** Between chunks, so that page-out takes at most about half of one core. */
const PAUSE_MS = 1;
/**
 * What came back since an earlier page-out is what the sandbox needs to answer. It stays for the next wake, as long as it is
 * little, in itself and beside what has left: otherwise little would be gained by sleep.
 */
const KEEP_BYTES = 6 * 1024 * 1024;
const KEEP_SHARE = 0.5;

/** One sleep of one sandbox; another sleep is another object. */
interface Sleep {
  readonly id: SandboxId;
  readonly dueAtMs: number;
  /** Due at once, and before what else the engine does. */
  isUrgent: boolean;
}

/** What left in one sleep; no more of where it was than is worth reading ahead. */
interface Moved {
  sizeBytes: number;
  readonly sets: WorkingSet[];
}

/**
 * Moves the memory of sandboxes that sleep for long to swap: one sandbox at a time, in the background. The server wakes
 * sandboxes without asking, so the pager looks before each chunk whether this one still sleeps.
 */
export class Pager implements AsyncDisposable {
  readonly #deps: PagerDeps;
  /** In the order they are due. */
  readonly #sleeps = new Map<SandboxId, Sleep>();
  /** The most that was moved for a sandbox in one sleep, in bytes. What it has in RAM since then came back for a reason. */
  readonly #movedBytes = new Map<SandboxId, number>();
  /** Sandboxes whose present sleep the pager is done with; the server may have woken them since. */
  readonly #pagedOut = new Set<SandboxId>();
  readonly #readAhead: ReadAhead;
  readonly #closing = new AbortController();
  /** Until the next sandbox is due. */
  #nap = new AbortController();
  #work: Promise<void> | undefined;

  constructor(deps: PagerDeps) {
    this.#deps = deps;
    this.#readAhead = new ReadAhead(deps);
  }

  /** A sandbox has fallen asleep; if it stays so, its memory leaves after a time. */
  sleepBegan(id: SandboxId): void {
    if (this.#deps.afterMs === 0 || this.#closing.signal.aborted) return;
    this.sleepEnded(id);
    this.#readAhead.disarm(id);
    this.#sleeps.set(id, { id, dueAtMs: performance.now() + this.#deps.afterMs, isUrgent: false });
    this.#work ??= this.#runUntilNoneIsDue();
  }

  /** A sandbox is awake: what is under way for it stops. */
  sleepEnded(id: SandboxId): void {
    this.#sleeps.delete(id);
    this.#pagedOut.delete(id);
    this.#readAhead.start(id);
  }

  /** Memory is short: what sleepers can do without leaves now, however short they have slept. */
  hurry(): void {
    for (const sleep of this.#sleeps.values()) sleep.isUrgent = true;
    this.#nap.abort();
  }

  /** A sandbox is gone. */
  forget(id: SandboxId): void {
    this.sleepEnded(id);
    this.#readAhead.disarm(id);
    this.#movedBytes.delete(id);
  }

  /** True while a sandbox sleeps without the memory it can do without. */
  isPagedOut(id: SandboxId): boolean {
    return this.#pagedOut.has(id) && this.#deps.cgroups.isFrozen(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#nap.abort();
    this.#readAhead[Symbol.dispose]();
    await this.#work;
  }

  async #runUntilNoneIsDue(): Promise<void> {
    for (const sleep of this.#sleeps.values()) {
      if (!sleep.isUrgent) await this.#napUntil(sleep.dueAtMs);
      if (this.#closing.signal.aborted) break;
      if (this.#isAsleep(sleep)) await this.#pageOut(sleep);
      if (this.#sleeps.get(sleep.id) === sleep) this.#sleeps.delete(sleep.id);
    }
    this.#work = undefined;
    if (!this.#closing.signal.aborted) await compactZram();
  }

  async #napUntil(dueAtMs: number): Promise<void> {
    const leftMs = dueAtMs - performance.now();
    if (leftMs <= 0 || this.#closing.signal.aborted) return;
    this.#nap = new AbortController();
    await delay(leftMs, undefined, { signal: this.#nap.signal, ref: false }).catch(() => undefined);
  }

  async #pageOut(sleep: Sleep): Promise<void> {
    const { cgroups } = this.#deps;
    const { id } = sleep;
    if (freeSwapBytes() === 0) return;
    const pids = cgroups.processIds(id);
    if (!this.#needsLittle(id, pids)) {
      cgroups.allowSwap(id, true);
      const moved: Moved = { sizeBytes: 0, sets: [] };
      for (const pid of pids) await this.#pageOutProcess(pid, sleep, moved);
      cgroups.allowSwap(id, false);
      if (this.#isAsleep(sleep)) this.#noteMoved(id, moved);
    }
    if (this.#isAsleep(sleep)) this.#pagedOut.add(id);
  }

  #needsLittle(id: SandboxId, pids: readonly number[]): boolean {
    const movedBytes = this.#movedBytes.get(id) ?? 0;
    return holdsAtMost(Math.min(KEEP_BYTES, movedBytes * KEEP_SHARE), pids);
  }

  /** What had been moved before, and had come back, is what the next wake will want. */
  #noteMoved(id: SandboxId, { sizeBytes, sets }: Moved): void {
    const before = this.#movedBytes.get(id);
    this.#movedBytes.set(id, Math.max(sizeBytes, before ?? 0));
    if (before !== undefined && sizeBytes <= READ_AHEAD_MAX_BYTES) this.#readAhead.arm(id, sets);
  }

  async #pageOutProcess(pid: number, sleep: Sleep, moved: Moved): Promise<void> {
    using memory = ProcessMemory.open(pid);
    const pagesOfProcess: Pages[] = [];
    moved.sets.push({ pid, pages: pagesOfProcess });
    for (const pages of memory?.resident(CHUNK_BYTES) ?? []) {
      if (!this.#isAsleep(sleep)) break;
      memory?.pageOut(pages);
      moved.sizeBytes += pages.sizeBytes;
      if (moved.sizeBytes <= READ_AHEAD_MAX_BYTES) pagesOfProcess.push(pages);
      do await delay(PAUSE_MS, undefined, { ref: false });
      while (this.#deps.isEngineBusy() && !sleep.isUrgent && !this.#closing.signal.aborted);
    }
  }

  #isAsleep(sleep: Sleep): boolean {
    const isCurrent = this.#sleeps.get(sleep.id) === sleep && !this.#closing.signal.aborted;
    return isCurrent && this.#deps.cgroups.isFrozen(sleep.id);
  }
}

/** True when the private memory of the processes that is in RAM is no more than `maxBytes`. */
function holdsAtMost(maxBytes: number, pids: readonly number[]): boolean {
  let leftBytes = maxBytes;
  for (const pid of pids) {
    using memory = ProcessMemory.open(pid);
    for (const { sizeBytes } of memory?.resident(CHUNK_BYTES) ?? []) {
      leftBytes -= sizeBytes;
      if (leftBytes < 0) return false;
    }
  }
  return true;
}
