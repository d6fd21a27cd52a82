import { closeSync, readdirSync, statSync } from "node:fs";
import { SingleFlight } from "@dormouse/kernel";
import { ID_COUNT, MAPPED_ROOT_ID, openUserNamespaces } from "../user-namespace.ts";
import type { IdRanges } from "./id-ranges.ts";

/** User and group ids on the host that are one sandbox's alone, so that what the kernel counts for a user is its own. */
export interface HostIds {
  /** Root inside is this user, and this group, outside. */
  readonly root: number;
  /**
   * Descriptor of the user namespace it lives in. Made by that same user: what the kernel counts for whoever made a namespace, such as
   * pending signals, is the sandbox's own then too. It also shows the owners in image layers as the sandbox is to see them.
   */
  readonly namespaceFd: number;
  /** Descriptor of one that shows what belongs to `MAPPED_ROOT_ID` and those after it on the disk as its own. */
  readonly diskNamespaceFd: number;
}

/** Made at once in the background: what others wait for comes between. */
const BATCH = 4;
/** After a create others often follow, and their starts come first. */
const QUIET_MS = 3000;

/**
 * The ids of this engine's sandboxes. Some are made ahead: it takes a few processes each. A sandbox that runs already, of whichever
 * engine, keeps those it has.
 */
export class HostIdPool {
  readonly #ranges: IdRanges;
  readonly #filling = new SingleFlight<void>();
  readonly #held = new Set<number>();
  readonly #ready: HostIds[] = [];
  #free: number[] = [];
  #readyCount = 0;
  #quietTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(ranges: IdRanges) {
    this.#ranges = ranges;
  }

  /** @throws HOST_FULL, HOST_UNSUITABLE */
  async acquire(count: number): Promise<HostIds[]> {
    this.#quietTimer?.refresh();
    const missingCount = count - this.#ready.length;
    if (missingCount > 0) this.#ready.push(...(await this.#make(missingCount)));
    return this.#ready.splice(0, count);
  }

  /** Takes back those of a sandbox of which nothing runs any more. */
  recycle(ids: HostIds): void {
    if (this.#ready.length < this.#readyCount) this.#ready.push(ids);
    else this.discard(ids);
  }

  /** Nobody is to have these namespaces again. Nothing may run in them any more. */
  discard({ root, namespaceFd, diskNamespaceFd }: HostIds): void {
    closeSync(namespaceFd);
    closeSync(diskNamespaceFd);
    this.#held.delete(root);
  }

  /**
   * Has so many ready from now on, made in the background once nobody has asked for a moment. What cannot be made now is told to
   * whoever needs it.
   */
  fill(readyCount: number): void {
    this.#readyCount = readyCount;
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => {
      void this.#filling.run("fill", () => this.#fill()).catch(() => undefined);
    }, QUIET_MS);
  }

  /** Ends those that are ready. */
  async close(): Promise<void> {
    this.#readyCount = 0;
    clearTimeout(this.#quietTimer);
    await this.#filling.run("fill", async () => undefined).catch(() => undefined);
    for (const ids of this.#ready.splice(0)) this.discard(ids);
  }

  async #fill(): Promise<void> {
    for (;;) {
      const missingCount = this.#readyCount - this.#ready.length;
      if (missingCount <= 0) return;
      this.#ready.push(...(await this.#make(Math.min(BATCH, missingCount))));
    }
  }

  async #make(count: number): Promise<HostIds[]> {
    const roots = Array.from({ length: count }, () => this.#take());
    try {
      const descriptors = await openUserNamespaces(roots.flatMap(namespacesOf));
      return roots.map((root, index) => {
        const [namespaceFd = -1, diskNamespaceFd = -1] = descriptors.slice(index * 2);
        return { root, namespaceFd, diskNamespaceFd };
      });
    } catch (error) {
      for (const root of roots) this.#held.delete(root);
      throw error;
    }
  }

  #take(): number {
    if (this.#free.length === 0) this.#free = this.#unused(this.#ranges.own());
    while (this.#free.length === 0) this.#free = this.#unused(this.#ranges.claimMore());
    const root = this.#free.shift() as number;
    this.#held.add(root);
    return root;
  }

  #unused(ranges: readonly number[]): number[] {
    const running = rootsOfProcesses();
    return ranges.filter((root) => !this.#held.has(root) && !running.has(root));
  }
}

const namespacesOf = (root: number) => [
  { owner: root, mapping: `0 ${root} ${ID_COUNT}` },
  /* The host's root too: overlayfs works in its name beside a writable layer, which is read-only otherwise. */
  { owner: 0, mapping: `0 0 1\n${MAPPED_ROOT_ID} ${root} ${ID_COUNT}` },
];

/** The ranges that any process on this machine runs in. */
function rootsOfProcesses(): Set<number> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const users = pids.map((pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? 0);
  return new Set(users.map((user) => user - (user % ID_COUNT)));
}
