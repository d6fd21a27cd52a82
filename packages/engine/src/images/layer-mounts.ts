import { mkdirSync } from "node:fs";
import type { Layout } from "../layout.ts";
import { detachMount, mountIdmapped } from "../syscalls.ts";
import { openMappedUserNamespace } from "../user-namespace.ts";
import type { ImageStore } from "./store.ts";

/**
 * Image layers as the sandboxes' owners see them: each is mounted once per engine, read-only, with its owners shifted, and
 * then shared by every overlay above it. The mounts live in the engine's mount namespace and end with it.
 */
export class LayerMounts {
  readonly #layout: Layout;
  readonly #images: ImageStore;
  readonly #userNamespaceFd: number;
  readonly #mounted = new Set<string>();

  static async open(layout: Layout, images: ImageStore): Promise<LayerMounts> {
    return new LayerMounts(layout, images, await openMappedUserNamespace());
  }

  private constructor(layout: Layout, images: ImageStore, userNamespaceFd: number) {
    this.#layout = layout;
    this.#images = images;
    this.#userNamespaceFd = userNamespaceFd;
  }

  /** The mounted folders of `digests`, in the same order. */
  use(digests: readonly string[]): string[] {
    return digests.map((digest) => {
      const target = this.#layout.mappedLayerDir(digest);
      if (this.#mounted.has(digest)) return target;
      mkdirSync(target, { recursive: true });
      detachMount(target);
      mountIdmapped(this.#images.layerDir(digest), target, this.#userNamespaceFd);
      this.#mounted.add(digest);
      return target;
    });
  }
}
