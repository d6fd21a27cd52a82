import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { EngineImage } from "@dormouse/schema";
import { z } from "zod";
import { parseImageReference } from "./reference.ts";

/** Where bash is, in every image that has it. */
export const BASH = "/bin/bash";

/** How an image starts, as in the OCI image configuration. */
export const ImageConfig = z.object({
  entrypoint: z.array(z.string()).default([]),
  cmd: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  workingDir: z.string().default("/"),
  /** As in a Dockerfile's USER. sandbox-api is root all the same, unless it is asked to take this identity. */
  user: z.string().default(""),
});
export type ImageConfig = z.infer<typeof ImageConfig>;

export const ImageManifest = z.object({
  name: z.string(),
  tag: z.string(),
  /** Topmost first. */
  layers: z.array(z.string().regex(/^[a-z0-9-]+$/)).min(1),
  /** False when the image has no glibc loader, so that the host's has to be lent to sandbox-api. */
  hasGlibc: z.boolean(),
  /** Commands then run in bash, whose `source` works on Debian's own profile where dash's fails. */
  hasBash: z.boolean().default(false),
  sizeBytes: z.number(),
  createdAtMs: z.number(),
  config: ImageConfig,
});
export type ImageManifest = z.infer<typeof ImageManifest>;

/**
 * The images of one engine: `tags/<name>/<tag>.json` manifests over `layers/<digest>/` folders. A layer never changes after
 * it appears, so sandboxes share it.
 */
export class ImageStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(join(dir, "tags"), { recursive: true });
    mkdirSync(join(dir, "layers"), { recursive: true, mode: 0o700 });
  }

  layerDir(digest: string): string {
    return join(this.#dir, "layers", digest);
  }

  /** @throws INVALID_IMAGE naming the images there are */
  resolve(reference: string): ImageManifest {
    const { name, tag } = parseImageReference(reference);
    const file = this.#manifestFile(name, tag);
    if (existsSync(file)) return ImageManifest.parse(JSON.parse(readFileSync(file, "utf8")));
    const available = this.list().map((image) => `${image.name}:${image.tag}`);
    throw new AppError("INVALID_IMAGE", `Cannot use image "${reference}": this machine has no image "${name}:${tag}"`, {
      hint: available.length === 0 ? "Run `dormouse image build base-image`" : `Use one of: ${available.join(", ")}`,
      details: { requested_image: reference, supported_images: available },
    });
  }

  list(): EngineImage[] {
    const names = readdirSync(join(this.#dir, "tags"));
    return names.flatMap((name) =>
      readdirSync(join(this.#dir, "tags", name))
        .filter((file) => file.endsWith(".json"))
        .map((file) => {
          const manifest = ImageManifest.parse(JSON.parse(readFileSync(join(this.#dir, "tags", name, file), "utf8")));
          return { name, tag: manifest.tag, sizeBytes: manifest.sizeBytes, createdAtMs: manifest.createdAtMs };
        }),
    );
  }

  /** Makes the image known under its name and tag; its layers are in place already. */
  tag(manifest: ImageManifest): void {
    const file = this.#manifestFile(manifest.name, manifest.tag);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(manifest, null, 2));
    renameSync(`${file}.new`, file);
  }

  #manifestFile(name: string, tag: string): string {
    return join(this.#dir, "tags", name, `${tag}.json`);
  }
}
