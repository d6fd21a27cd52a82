import { z } from "zod";
import { WorkspaceName } from "./control-plane.ts";
import { ImageName, ImageResourceType } from "./images.ts";

/** Body of `POST /images/{type}/{name}/share`. */
export const ImageShareRequest = z.object({
  targetWorkspace: WorkspaceName,
  /** Needed for a workspace of another account, so that nobody offers images to strangers by guessing names. */
  targetAccountId: z
    .string()
    .max(64)
    .nullish()
    .transform((id) => (id === "" ? undefined : (id ?? undefined))),
});
export type ImageShareRequest = z.infer<typeof ImageShareRequest>;

export const ImageShareStatus = z.enum(["active", "pending"]);
export type ImageShareStatus = z.infer<typeof ImageShareStatus>;

/** With whom an image is shared, as `…/share` answers it. */
export const ImageShareAnswer = z.object({
  status: ImageShareStatus,
  workspace: WorkspaceName,
  /** Absent for a workspace of another account that has not accepted. */
  workspaceDisplayName: z.string().optional(),
  accountId: z.string(),
  pendingShareId: z.string().optional(),
});
export type ImageShareAnswer = z.infer<typeof ImageShareAnswer>;

/** A share that waits for the other account, as `/pending-image-shares` answers it. */
export const PendingImageShareAnswer = z.object({
  id: z.string(),
  imageName: ImageName,
  resourceType: ImageResourceType,
  sourceWorkspace: WorkspaceName,
  sourceAccountId: z.string(),
  /** To the target only. */
  sourceWorkspaceDisplayName: z.string().optional(),
  targetWorkspace: WorkspaceName,
  targetAccountId: z.string(),
  /** Id of whoever offers it. */
  sharedBy: z.string(),
  /** Absent for a service account. */
  sharedByEmail: z.string().optional(),
  /** To the target only: whether it has an image of that name itself. */
  hasConflict: z.boolean().optional(),
  createdAt: z.string(),
  updatedAt: z.string(),
  expiresAt: z.string(),
});
export type PendingImageShareAnswer = z.infer<typeof PendingImageShareAnswer>;

/** Query of `GET /pending-image-shares`. */
export const PendingImageShareQuery = z.object({ direction: z.enum(["incoming", "outgoing"]).default("incoming") });
export type PendingImageShareQuery = z.infer<typeof PendingImageShareQuery>;

/** Query of `POST /pending-image-shares/{id}/accept`. */
export const ImageShareAcceptQuery = z.object({ force: z.enum(["true", "false"]).optional() });
