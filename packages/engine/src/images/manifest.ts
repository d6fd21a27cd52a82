import { EngineImageId } from "@dormouse/schema";
import { z } from "zod";

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

const ImageContent = z.object({
  /** Topmost first. */
  layers: z.array(z.string().regex(/^[a-z0-9-]+$/)).min(1),
  /** False when the image has no glibc loader, so that the host's has to be lent to sandbox-api. */
  hasGlibc: z.boolean(),
  /** Commands then run in bash, whose `source` works on Debian's own profile where dash's fails. */
  hasBash: z.boolean().default(false),
  /** Of all its layers, those shared with other images too. */
  sizeBytes: z.number(),
  createdAtMs: z.number(),
  config: ImageConfig,
});

/** A public image: a later one may take its name and tag. */
export const TaggedImage = ImageContent.extend({ name: z.string(), tag: z.string() });
export type TaggedImage = z.infer<typeof TaggedImage>;

/** An image that was built or pulled: its id never means another one. */
export const BuiltImage = ImageContent.extend({ id: EngineImageId });
export type BuiltImage = z.infer<typeof BuiltImage>;

export const ImageManifest = z.union([TaggedImage, BuiltImage]);
export type ImageManifest = z.infer<typeof ImageManifest>;

/** What the image is called in `EngineSandboxSpec.image`. */
export const referenceOf = (image: ImageManifest): string =>
  "id" in image ? `@${image.id}` : `${image.name}:${image.tag}`;
