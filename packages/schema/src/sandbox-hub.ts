import { z } from "zod";
import { ImageName } from "./images.ts";

const HubPort = z.strictObject({
  name: z.string().min(1).max(63),
  target: z.int().min(1).max(65_535),
  protocol: z.enum(["HTTP", "TCP"]).default("HTTP"),
});

/** `images/<name>/hub.json`: what the hub says of a public image beside its name. */
export const HubFile = z.strictObject({
  displayName: z.string().min(1).max(63),
  /** One sentence. */
  description: z.string().min(1).max(256),
  longDescription: z.string().max(4096).optional(),
  /** MB that a sandbox of it should have. */
  memory: z.int().min(128),
  ports: z.array(HubPort).max(100).default([]),
  categories: z.array(z.string().min(1).max(63)).default([]),
  tags: z.array(z.string().regex(/^[a-z0-9-]{1,63}$/)).default([]),
  /** Address of a picture. */
  icon: z.string().max(2048).optional(),
  /** Where more is said of it. */
  url: z.url().optional(),
  /** Can be used, but is not shown by the command line. */
  hidden: z.boolean().default(false),
});
export type HubFile = z.infer<typeof HubFile>;

/** A public image that there is a recipe of. */
export interface HubImage extends HubFile {
  readonly name: ImageName;
}

/** A public image as `/sandbox/hub` answers it. */
export const HubImageAnswer = z.object({
  name: ImageName,
  displayName: z.string(),
  /** What to create a sandbox from. */
  image: z.string(),
  description: z.string(),
  longDescription: z.string().optional(),
  /** MB. */
  memory: z.number(),
  ports: z.array(z.object({ name: z.string(), target: z.number(), protocol: z.enum(["HTTP", "TCP"]) })),
  categories: z.array(z.object({ name: z.string() })),
  /** With commas between them. */
  tags: z.string(),
  icon: z.string().optional(),
  url: z.string().optional(),
  hidden: z.boolean(),
  /** This machine has only its recipe: it is not built. */
  coming_soon: z.boolean(),
  enterprise: z.literal(false),
});
export type HubImageAnswer = z.infer<typeof HubImageAnswer>;
