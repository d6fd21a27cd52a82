import { channel } from "node:diagnostics_channel";
import { readFileSync, readlinkSync } from "node:fs";
import type { EngineMemoryEnd } from "@dormouse/schema";
import type { Cgroups, GroupId } from "../cgroups.ts";

/** What the channel `dormouse.engine.memory` carries. */
export interface MemoryEvent extends EngineMemoryEnd {
  /** A sandbox, or a build as `build-<image>`. */
  readonly group: GroupId;
  readonly pid: number;
}

type GuardedCgroups = Pick<Cgroups, "ids" | "processIds" | "memoryStallMs" | "usedMemoryShare">;

const memoryEvents = channel("dormouse.engine.memory");

const LOOK_INTERVAL_MS = 2000;
/** All together: below it none can be in need. */
const SOME_STALL_SHARE = 0.2;
/** Of one: a third of the time nothing in it could go on, because pages it needed were thrown out again and again … */
const FULL_STALL_SHARE = 1 / 3;
/** … with its memory used up … */
const USED_SHARE = 0.95;
/** … at so many looks in a row. */
const LOOK_COUNT = 3;

/** Time stalled for memory, as the kernel counted it when it was looked at. */
interface Look {
  readonly atMs: number;
  readonly fullMs: number;
  /** How many looks in a row it was in need. */
  readonly needCount: number;
}

/**
 * Ends what makes a sandbox or a build hang at its memory limit. The kernel ends a program only when nothing more can be freed; while there
 * are pages of files, such as the program itself, it throws these out and reads them back, and nothing answers any more, the API
 * inside included. Reads one file every two seconds as long as none stalls.
 */
export class MemoryGuard implements Disposable {
  readonly #cgroups: GuardedCgroups;
  readonly #looks = new Map<GroupId, Look>();
  readonly #ends = new Map<GroupId, EngineMemoryEnd>();
  readonly #timer: ReturnType<typeof setInterval>;
  #lastSome = { atMs: performance.now(), stalledMs: 0 };

  constructor(cgroups: GuardedCgroups, lookIntervalMs = LOOK_INTERVAL_MS) {
    this.#cgroups = cgroups;
    this.#timer = setInterval(() => this.#look(), lookIntervalMs).unref();
  }

  /** The last program that was ended in it. */
  lastEnd(id: GroupId): EngineMemoryEnd | undefined {
    return this.#ends.get(id);
  }

  /** It is gone. */
  forget(id: GroupId): void {
    this.#looks.delete(id);
    this.#ends.delete(id);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const stalledMs = this.#cgroups.memoryStallMs().some;
    const atMs = performance.now();
    const share = (stalledMs - this.#lastSome.stalledMs) / (atMs - this.#lastSome.atMs);
    this.#lastSome = { atMs, stalledMs };
    if (share < SOME_STALL_SHARE) {
      this.#looks.clear();
      return;
    }
    for (const id of this.#cgroups.ids()) this.#lookAt(id);
  }

  #lookAt(id: GroupId): void {
    const before = this.#looks.get(id);
    const look = { atMs: performance.now(), fullMs: this.#cgroups.memoryStallMs(id).full, needCount: 0 };
    const isStalled =
      before !== undefined && look.fullMs - before.fullMs > FULL_STALL_SHARE * (look.atMs - before.atMs);
    const needCount = isStalled && this.#cgroups.usedMemoryShare(id) > USED_SHARE ? before.needCount + 1 : 0;
    this.#looks.set(id, { ...look, needCount });
    if (needCount >= LOOK_COUNT) this.#endLargest(id);
  }

  /** The one the kernel would take: by its own score, which spares the API inside. */
  #endLargest(id: GroupId): void {
    const scores = this.#cgroups.processIds(id).map((pid) => ({ pid, score: scoreOf(pid) }));
    const largest = scores.toSorted((a, b) => b.score - a.score)[0];
    if (largest === undefined) return;
    const end = { atMs: Date.now(), program: programOf(largest.pid) };
    process.kill(largest.pid, "SIGKILL");
    this.#looks.delete(id);
    this.#ends.set(id, end);
    memoryEvents.publish({ ...end, group: id, pid: largest.pid } satisfies MemoryEvent);
  }
}

/** 0 for a process that has ended meanwhile. */
function scoreOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/oom_score`, "utf8"));
  } catch {
    return 0;
  }
}

/** Its arguments may hold secrets. */
function programOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return "unknown";
  }
}
