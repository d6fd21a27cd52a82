import { ImageShareAcceptQuery, PendingImageShareQuery } from "@dormouse/schema";
import { Hono } from "hono";
import { markAsMade } from "../audit/audited.ts";
import { requireAdmin, type ApiEnv } from "../http/caller.ts";
import { observe } from "../http/observe.ts";
import { readQuery } from "../http/parse.ts";
import type { ImageContext } from "../images/context.ts";
import { acceptShare, declineShare, listPending, requirePending } from "../images/pending-shares.ts";
import { renderImage } from "../images/render-image.ts";

/** `/pending-image-shares`: what another account offers, or is offered. */
export function pendingImageShareRoutes(context: ImageContext): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/", async (c) => {
      const { direction } = readQuery(c, PendingImageShareQuery);
      return c.json(await listPending(context, c.get("caller").workspace, direction));
    })
    .post("/:pendingShareId/accept", async (c) => {
      const { workspace } = requireAdmin(c);
      const force = readQuery(c, ImageShareAcceptQuery).force === "true";
      const pending = await requirePending(context, workspace, c.req.param("pendingShareId"));
      markAsMade(c, pending.imageName);
      const operation = { event: "image.share.accept", image: pending.imageName };
      const run = () => acceptShare(context, workspace, { pending, force });
      return c.json(renderImage(await observe(context, c.get("caller"), operation, run), workspace));
    })
    .post("/:pendingShareId/decline", async (c) => {
      const { workspace } = requireAdmin(c);
      const pending = await requirePending(context, workspace, c.req.param("pendingShareId"));
      markAsMade(c, pending.imageName);
      const operation = { event: "image.share.decline", image: pending.imageName };
      await observe(context, c.get("caller"), operation, () => declineShare(context, workspace, pending));
      return c.body(null, 204);
    });
}
