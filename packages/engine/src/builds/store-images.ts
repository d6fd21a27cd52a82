import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import type { EngineImageId } from "@dormouse/schema";
import { exportOciLayout } from "../images/export-layout.ts";
import { type ImageDeps, importOciLayout } from "../images/import-layout.ts";
import { fullName, resolveReference } from "../images/registries.ts";
import type { RegistryDeps } from "../images/skopeo.ts";
import { pullToLayout } from "../images/transfer.ts";
import type { BuildImages, ImagePull, KeptImages, MadeLayout, PublicLayout } from "./build-images.ts";

/** The engine's own image store, and the registries it reaches. */
export class StoreImages implements BuildImages {
  readonly #deps: ImageDeps & RegistryDeps;

  constructor(deps: ImageDeps & RegistryDeps) {
    this.#deps = deps;
  }

  fullName(reference: string): string {
    return fullName(resolveReference(reference));
  }

  hasPublic(reference: string): boolean {
    try {
      this.#deps.images.resolve(reference);
      return !reference.startsWith("@");
    } catch {
      return false;
    }
  }

  publicLayout(reference: string): PublicLayout {
    const image = this.#deps.images.resolve(reference);
    const content = JSON.stringify([image.layers, image.config, image.createdAtMs]);
    const key = `public-${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;
    return { key, write: (layoutDir) => exportOciLayout(this.#deps, { image, layoutDir }) };
  }

  async pull({ reference, credentials, layoutDir, log, signal }: ImagePull): Promise<void> {
    mkdirSync(layoutDir, { recursive: true });
    await pullToLayout(this.#deps, { reference, credentials, layoutDir, log: (line) => log.line(line), signal });
  }

  take(id: EngineImageId, layout: MadeLayout): Promise<{ readonly sizeBytes: number }> {
    return importOciLayout(this.#deps, { id, ...layout });
  }

  keep(ids: readonly EngineImageId[]): KeptImages {
    const { images } = this.#deps;
    const kept = new Map(ids.filter((id) => images.has(id)).map((id) => [id, images.image(id)]));
    const layersOfAll = [...kept.values()].flatMap(({ layers }) => layers);
    const hold = images.hold(layersOfAll);
    return {
      diffIds: new Set(images.diffIdsOf(layersOfAll)),
      has: (id) => kept.has(id),
      again: (from, id) => {
        const image = kept.get(from);
        if (image === undefined) throw new TypeError(`Cannot take image "${from}" again: it is not kept`);
        images.add({ ...image, id, createdAtMs: Date.now() });
        return image;
      },
      [Symbol.dispose]: () => hold[Symbol.dispose](),
    };
  }

  has(id: EngineImageId): boolean {
    return this.#deps.images.has(id);
  }

  forget(id: EngineImageId): void {
    this.#deps.images.remove(id);
  }
}
