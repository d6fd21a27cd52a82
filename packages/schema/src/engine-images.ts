import { z } from "zod";

/**
 * Engine-side id of an image that is built or pulled: names its folder and its build. Chosen by the caller; it never means other
 * content. In `EngineSandboxSpec.image` it stands as `@<id>`.
 */
export const EngineImageId = z
  .string()
  .regex(/^[a-z0-9]{6,32}$/)
  .brand<"EngineImageId">();
export type EngineImageId = z.infer<typeof EngineImageId>;

/** Credentials by registry host, as in `auths` of a Docker configuration file. */
export const RegistryCredentials = z.record(
  z.string().max(255),
  z.strictObject({ username: z.string().max(1024), password: z.string().max(16_384) }),
);
export type RegistryCredentials = z.infer<typeof RegistryCredentials>;

/** Where an image comes from. */
export const EngineImageSource = z.discriminatedUnion("kind", [
  /** A ZIP file with a Dockerfile at its root. `.env.build`, `blaxel.toml` and `.docker/config.json` in it are obeyed. */
  z.strictObject({ kind: z.literal("context") }),
  /** `node:22-alpine`, `registry.example.com/team/app:1`, with Docker Hub's defaults. */
  z.strictObject({ kind: z.literal("registry"), reference: z.string().min(1).max(512) }),
]);
export type EngineImageSource = z.infer<typeof EngineImageSource>;

export const EngineImageRequest = z.strictObject({
  source: EngineImageSource,
  /** Builds of one scope share their cache; no other build sees it. */
  cacheScope: z.string().regex(/^[a-z0-9-]{1,64}$/),
  /** Over those of the context's own files. */
  buildArgs: z.record(z.string(), z.string()).default({}),
  credentials: RegistryCredentials.default({}),
});
export type EngineImageRequest = z.infer<typeof EngineImageRequest>;

export const EngineImageStatus = z.enum(["queued", "building", "ready", "failed"]);
export type EngineImageStatus = z.infer<typeof EngineImageStatus>;

/** An image on its way, or there. */
export const EngineImageState = z.object({
  id: EngineImageId,
  status: EngineImageStatus,
  /** Why it failed, fit for its user: an error code of ours, a sentence, the next step. */
  failure: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }).optional(),
  /** Of all its layers, those shared with other images too; 0 until it is ready. */
  sizeBytes: z.number(),
  /** Of the context's `blaxel.toml`, as text, when there was one. */
  blaxelToml: z.string().optional(),
  startedAtMs: z.number().optional(),
  endedAtMs: z.number().optional(),
});
export type EngineImageState = z.infer<typeof EngineImageState>;

/** What a clean-up found. */
export const CollectedImages = z.object({ layerCount: z.number(), freedBytes: z.number() });
export type CollectedImages = z.infer<typeof CollectedImages>;

/** Image builds and the store behind them, as the server sees them. */
export interface EngineImagePort {
  /** Public images of this machine, by name and tag. */
  images(): Promise<EngineImage[]>;
  /**
   * Resolves when the context is on the disk and the build waits for its turn; what then happens is told by the other calls.
   * @throws INVALID_ARGUMENT with what is wrong with the archive, TOO_LARGE, HOST_FULL, IMAGE_ALREADY_EXISTS
   */
  buildImage(id: EngineImageId, request: EngineImageRequest, context?: ReadableStream<Uint8Array>): Promise<void>;
  /** @throws IMAGE_NOT_FOUND */
  image(id: EngineImageId): Promise<EngineImageState>;
  /** Resolves when it is ready or has failed. @throws IMAGE_NOT_FOUND, also when it is removed meanwhile */
  waitForImage(id: EngineImageId): Promise<EngineImageState>;
  /**
   * Lines of its build, each `<RFC 3339 time> <text>`, from a byte offset on. With `follow` the stream ends with the build.
   * @throws IMAGE_NOT_FOUND
   */
  imageLog(id: EngineImageId, options: { fromByte: number; follow: boolean }): Promise<ReadableStream<Uint8Array>>;
  /** Ends its build, and forgets it with its log. Sandboxes that were created from it go on, and start again too. Idempotent. */
  removeImage(id: EngineImageId): Promise<void>;
  /** Sends it to a registry. @throws IMAGE_NOT_FOUND, UNAUTHENTICATED, UPSTREAM_UNREACHABLE, INVALID_ARGUMENT */
  pushImage(id: EngineImageId, reference: string, credentials: RegistryCredentials): Promise<{ digest: string }>;
  /** Erases layers and caches that no image and no sandbox uses. */
  collectImages(): Promise<CollectedImages>;
}

/** A public image. */
export const EngineImage = z.object({
  /** Without prefix: `base-image`. */
  name: z.string(),
  tag: z.string(),
  sizeBytes: z.number(),
  createdAtMs: z.number(),
});
export type EngineImage = z.infer<typeof EngineImage>;
