import { z } from "zod";
import { RegistryCredentials } from "./engine-images.ts";
import { ResourceEvent, WorkspaceName } from "./control-plane.ts";

/** Stands for the newest version of an image; never stored. */
export const LATEST_IMAGE_TAG = "latest";

/** Name of an image, unique among those a workspace has or may use. */
export const ImageName = z
  .string()
  .max(63)
  .regex(
    /^[a-z0-9]+([._-]+[a-z0-9]+)*$/,
    "expected 1 to 63 lower-case letters, digits, dots, underscores and hyphens, starting and ending with a letter or digit",
  )
  .brand<"ImageName">();
export type ImageName = z.infer<typeof ImageName>;

/** Name of one version of an image, unique in it. */
export const ImageTagName = z
  .string()
  .regex(/^\w[\w.-]{0,127}$/, "expected 1 to 128 letters, digits, dots, underscores and hyphens")
  .refine((name) => name !== LATEST_IMAGE_TAG, '"latest" stands for the newest version')
  .brand<"ImageTagName">();
export type ImageTagName = z.infer<typeof ImageTagName>;

/** Of the newest push: an earlier version can be used whatever it is. */
export const ImageStatus = z.enum(["UPLOADING", "BUILDING", "BUILT", "FAILED"]);
export type ImageStatus = z.infer<typeof ImageStatus>;

/** What images are for; clients write it in the plural, too. */
export const ImageResourceType = z.literal("sandbox");
export type ImageResourceType = z.infer<typeof ImageResourceType>;

/** A version as `/images` answers it. */
export const ImageTagAnswer = z.object({
  name: ImageTagName,
  /** Bytes, with the layers it shares with others. */
  size: z.number(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type ImageTagAnswer = z.infer<typeof ImageTagAnswer>;

/** An image as `/images` answers it. */
export const ImageAnswer = z.object({
  metadata: z.object({
    name: ImageName,
    resourceType: ImageResourceType,
    /** `workspace/name`, of the workspace that owns it. */
    displayName: z.string(),
    /** The one that asks. */
    workspace: WorkspaceName,
    /** The one that owns it, where that is another one. */
    sourceWorkspace: WorkspaceName.optional(),
    status: ImageStatus,
    createdAt: z.string(),
    updatedAt: z.string(),
    /** When the workspace last created a sandbox from it. */
    lastDeployedAt: z.string().optional(),
    events: z.array(ResourceEvent),
  }),
  spec: z.object({
    /** Bytes of all versions together. */
    size: z.number(),
    /** Oldest first. */
    tags: z.array(ImageTagAnswer),
  }),
});
export type ImageAnswer = z.infer<typeof ImageAnswer>;

/** Answer of `DELETE /images`. */
export const ImageCleanupAnswer = z.object({
  /** Count of images. */
  deleted: z.number(),
  message: z.string(),
});
export type ImageCleanupAnswer = z.infer<typeof ImageCleanupAnswer>;

/** Body of `POST /images/{type}/{name}/push`: a version is sent to a registry. */
export const ImagePushRequest = z.object({
  /** Where to, such as `registry.example.com/team/app:1`. */
  reference: z.string().min(1).max(512),
  credentials: RegistryCredentials.default({}),
});
export type ImagePushRequest = z.infer<typeof ImagePushRequest>;

export const ImagePushAnswer = z.object({
  reference: z.string(),
  /** What was pushed, `sandbox/name:tag`. */
  image: z.string(),
  digest: z.string(),
});
export type ImagePushAnswer = z.infer<typeof ImagePushAnswer>;
