import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Layout } from "../layout.ts";
import { detachMount, mountIdmapped } from "../syscalls.ts";
import type { ImageStore } from "./store.ts";

/**
 * Image layers as the sandboxes' owners see them: each is mounted once per engine, read-only, with its owners shifted, and
 * then shared by every overlay above it. The mounts live in the engine's mount namespace and end with it.
 */
export class LayerMounts {
  readonly #dir: string;
  readonly #images: ImageStore;
  readonly #userNamespaceFd: number;
  readonly #mounted = new Map<string, string>();
  #nextNumber = 1;

  constructor(layout: Layout, images: ImageStore, userNamespaceFd: number) {
    this.#dir = layout.mappedLayersDir();
    this.#images = images;
    this.#userNamespaceFd = userNamespaceFd;
  }

  /** The mounted folders of the layers, in the same order. */
  use(layers: readonly string[]): string[] {
    return layers.map((layer) => this.#mounted.get(layer) ?? this.#mount(layer));
  }

  /** Ends the mount of a layer that no sandbox uses. */
  forget(layer: string): void {
    const target = this.#mounted.get(layer);
    if (target === undefined) return;
    this.#mounted.delete(layer);
    detachMount(target);
    rmdirSync(target);
  }

  #mount(layer: string): string {
    const target = join(this.#dir, (this.#nextNumber++).toString(36));
    mkdirSync(target, { recursive: true });
    detachMount(target);
    mountIdmapped({ source: this.#images.layerDir(layer), target, userNamespaceFd: this.#userNamespaceFd });
    this.#mounted.set(layer, target);
    return target;
  }
}
