import { closeSync, readdirSync, statSync } from "node:fs";
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

/** The ids of this engine's sandboxes. A sandbox that runs already, of whichever engine, keeps those it has. */
export class HostIdPool {
  readonly #ranges: IdRanges;
  readonly #held = new Set<number>();
  #free: number[] = [];

  constructor(ranges: IdRanges) {
    this.#ranges = ranges;
  }

  /** @throws HOST_FULL, HOST_UNSUITABLE */
  async make(count: number): Promise<HostIds[]> {
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

  /** Nothing may run as any of them any more. */
  end({ root, namespaceFd, diskNamespaceFd }: HostIds): void {
    closeSync(namespaceFd);
    closeSync(diskNamespaceFd);
    this.#held.delete(root);
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
