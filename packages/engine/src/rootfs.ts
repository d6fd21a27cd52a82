import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { EngineSandboxSpec } from "@dormouse/schema";
import type { HostIds } from "./ids/host-ids.ts";
import type { ImageStore } from "./images/store.ts";
import type { Layout, SandboxFiles } from "./layout.ts";
import { detachMount, mountBind, mountIdmapped, mountOverlay } from "./syscalls.ts";
import { MAPPED_ROOT_ID } from "./user-namespace.ts";

/** Makes the folder of a new sandbox. The writable layer belongs to root inside; all else stays with the engine. */
export function prepareFiles(files: SandboxFiles): void {
  mkdirSync(files.dataDir, { mode: 0o700 });
  for (const folder of [files.upper, files.work]) mkdirSync(folder);
  chownSync(files.upper, MAPPED_ROOT_ID, MAPPED_ROOT_ID);
}

/** Makes what a start needs; a reboot takes it away. */
export function prepareRunFiles(spec: EngineSandboxSpec, files: SandboxFiles, { root }: HostIds): void {
  mkdirSync(files.rootfs, { recursive: true });
  writeFileSync(files.hosts, `127.0.0.1 localhost ${spec.hostname}\n::1 localhost ip6-localhost ip6-loopback\n`);
  chownSync(files.hosts, root, root);
}

export interface Root {
  /** Topmost first. */
  readonly layers: readonly string[];
  readonly files: SandboxFiles;
  readonly ids: HostIds;
}

/** Roots of sandboxes: image layers and a writable layer, with owners that are the sandbox's own ids. */
export class Roots {
  readonly #stageDir: string;
  readonly #images: ImageStore;

  constructor(layout: Layout, images: ImageStore) {
    this.#stageDir = layout.rootStageDir();
    this.#images = images;
  }

  /**
   * Runs `use` while the sandbox's root is mounted for the engine. A sandbox that `use` started holds the mount from then on,
   * so nothing is left to unmount when it is deleted.
   */
  async withRoot<T>(root: Root, use: () => Promise<T>): Promise<T> {
    this.#mount(root);
    try {
      return await use();
    } finally {
      detachMount(root.files.rootfs);
    }
  }

  /** Below a mount of their own, so that one call takes all of them away: the overlay keeps what it needs of them. */
  #mount({ layers, files, ids }: Root): void {
    mkdirSync(this.#stageDir, { recursive: true });
    const places = layers.map((_, index) => this.#place(index.toString(36)));
    const data = this.#place("data");
    const inData = (dir: string): string => join(data, basename(dir));
    mountBind(this.#stageDir, this.#stageDir);
    try {
      for (const [index, target] of places.entries()) {
        const source = this.#images.layerDir(layers[index] ?? "");
        mountIdmapped({ source, target, userNamespaceFd: ids.namespaceFd });
      }
      mountIdmapped({ source: files.dataDir, target: data, userNamespaceFd: ids.diskNamespaceFd, isWritable: true });
      mountOverlay({ lower: places, upper: inData(files.upper), work: inData(files.work) }, files.rootfs);
    } finally {
      detachMount(this.#stageDir);
    }
  }

  #place(name: string): string {
    const dir = join(this.#stageDir, name);
    mkdirSync(dir, { recursive: true });
    return dir;
  }
}
