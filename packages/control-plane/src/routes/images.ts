import { AppError } from "@dormouse/kernel";
import { ImagePushRequest, ImageShareRequest } from "@dormouse/schema";
import { Hono } from "hono";
import { markAsMade } from "../audit/audited.ts";
import { requireAdmin, type ApiContext, type ApiEnv, type Caller } from "../http/caller.ts";
import { observe } from "../http/observe.ts";
import { readBody } from "../http/parse.ts";
import type { ImageContext } from "../images/context.ts";
import { cleanUpImages, deleteImage, deleteVersion } from "../images/delete-image.ts";
import { type FoundImage, requireImageAt, requireOwnImageAt, requireVersion } from "../images/find-image.ts";
import { renderPending, requirePending } from "../images/pending-shares.ts";
import { pushToRegistry } from "../images/push-image.ts";
import { isListed, renderImage, without, withOnly } from "../images/render-image.ts";
import { listShares, shareImage, unshareImage } from "../images/share-image.ts";

/** `/images` and `/images/{resourceType}/{imageName}`, whose name may be `name:tag`. */
export function imageRoutes(deps: ImageContext): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/", async (c) => {
      const { workspace } = c.get("caller");
      const images = await deps.store.images.list(workspace);
      return c.json(images.filter(isListed).map((image) => renderImage(image, workspace)));
    })
    .delete("/", async (c) => {
      const { workspace } = c.get("caller");
      const run = () => cleanUpImages(deps, workspace);
      return c.json(await observe(deps, c.get("caller"), { event: "image.clean_up" }, run));
    })
    .get("/:resourceType/:imageName", async (c) => {
      const { image, tag } = await requireImageAt(deps, pathOf(c));
      return c.json(renderImage(tag === undefined ? image : withOnly(image, tag), c.get("caller").workspace));
    })
    .delete("/:resourceType/:imageName", async (c) =>
      c.json(await remove(deps, c, await requireOwnImageAt(deps, pathOf(c)))),
    )
    .delete("/:resourceType/:imageName/tags/:tagName", async (c) => {
      const { image } = await requireOwnImageAt(deps, pathOf(c));
      return c.json(await remove(deps, c, { image, tag: requireVersion(image, c.req.param("tagName")) }));
    })
    .post("/:resourceType/:imageName/push", async (c) => {
      const found = await requireOwnImageAt(deps, pathOf(c));
      const request = await readBody(c, ImagePushRequest);
      const operation = { event: "image.push", image: found.image.name };
      return c.json(await observe(deps, c.get("caller"), operation, () => pushToRegistry(deps, found, request)));
    })
    .route("/:resourceType/:imageName/share", shareRoutes(deps));
}

/** `/images/{resourceType}/{imageName}/share`: administrators of the workspace that owns it change them. */
function shareRoutes(context: ImageContext): Hono<ApiEnv> {
  const find = async (c: ApiContext) => requireWhole(await requireOwnImageAt(context, pathOf(c)));
  return new Hono<ApiEnv>()
    .get("/", async (c) => c.json(await listShares(context, await find(c))))
    .post("/", async (c) => {
      const caller = requireAdmin(c);
      const image = await find(c);
      const wanted = { request: await readBody(c, ImageShareRequest), sharedBy: caller.principal.id };
      const operation = { event: "image.share", image: image.name };
      markAsMade(c, wanted.request.targetWorkspace);
      const share = await observe(context, caller, operation, () => shareImage(context, image, wanted));
      if (share.status === "active") return c.json(renderImage(image, caller.workspace));
      const pending = await requirePending(context, caller.workspace, share.id);
      return c.json(await renderPending(context, pending, caller.workspace), 202);
    })
    .delete("/:targetWorkspace", async (c) => {
      const caller = requireAdmin(c);
      const image = await find(c);
      const operation = { event: "image.unshare", image: image.name };
      const run = () => unshareImage(context, image, c.req.param("targetWorkspace"));
      await observe(context, caller, operation, run);
      return c.json(renderImage(image, caller.workspace));
    });
}

/** Answers with what is left of it. */
async function remove(context: ImageContext, c: ApiContext, { image, tag }: FoundImage) {
  const { workspace }: Caller = c.get("caller");
  const name = tag === undefined ? image.name : `${image.name}:${tag.name}`;
  const run = async () => {
    if (tag !== undefined) return deleteVersion(context, image, tag);
    await deleteImage(context, image);
    await context.endBuildOf(image);
  };
  await observe(context, c.get("caller"), { event: "image.delete", image: name }, run);
  return renderImage(tag === undefined ? image : without(image, tag), workspace);
}

function pathOf(c: ApiContext) {
  const { workspace } = c.get("caller");
  return { workspace, type: c.req.param("resourceType") ?? "", name: c.req.param("imageName") ?? "" };
}

/** @throws {AppError} INVALID_ARGUMENT for a path that names a version */
function requireWhole({ image, tag }: FoundImage) {
  if (tag === undefined) return image;
  throw new AppError("INVALID_ARGUMENT", `Cannot share version "${tag.name}" alone: images are shared whole`, {
    hint: `Name the image without a version: "${image.name}"`,
  });
}
