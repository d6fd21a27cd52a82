import { AppError } from "@dormouse/kernel";
import { ImageBuildRequest, type ImageBuildAnswer } from "@dormouse/schema";
import type { BuildRecord } from "@dormouse/store";
import { Hono } from "hono";
import { markAsMade } from "../audit/audited.ts";
import { beginImageBuild, publishedName, type WantedImageBuild } from "../builds/build-image.ts";
import { openBuildLog } from "../builds/build-log.ts";
import { registryImageOf } from "../builds/build-sandbox.ts";
import { followBuild } from "../builds/follow-build.ts";
import { beginFetch } from "../builds/receive-context.ts";
import type { ApiContext, ApiEnv } from "../http/caller.ts";
import { observe } from "../http/observe.ts";
import { readBody } from "../http/parse.ts";
import { renderImage } from "../images/render-image.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import { requireSandboxRecord } from "../sandboxes/find-sandbox.ts";
import { offerUpload } from "./uploads.ts";

/** `POST /images` and the logs of builds. */
export function buildRoutes(context: SandboxContext): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/images", (c) => postImage(context, c))
    .get("/images/:resourceType/:imageName/build-logs", (c) => {
      const { workspace } = c.get("caller");
      const name = c.req.param("imageName").replace(/:.*$/, "");
      const build = context.builds.latest(workspace, name);
      return answerWithLog(context, c, requireBuild(build, `image "${name}"`));
    })
    .get("/sandboxes/:name/build-logs", async (c) => {
      const { workspace } = c.get("caller");
      const { name } = await requireSandboxRecord(context.store, workspace, c.req.param("name"));
      const build = context.builds.find({ workspace, kind: "sandbox", name });
      return answerWithLog(context, c, requireBuild(build, `sandbox "${name}"`));
    });
}

function requireBuild(build: BuildRecord | undefined, what: string): BuildRecord {
  if (build !== undefined) return build;
  throw new AppError("BUILD_NOT_FOUND", `Cannot read the build log of ${what}: no build of it is known`, {
    hint: "The log of a failed build is kept for a day, any other for a month or until the next build",
  });
}

function answerWithLog(context: SandboxContext, c: ApiContext, build: BuildRecord): Response {
  const log = openBuildLog(context, build, { follow: c.req.query("follow") !== "false" });
  return c.body(log, 200, { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" });
}

async function postImage(context: SandboxContext, c: ApiContext): Promise<Response> {
  const caller = c.get("caller");
  const request = await readBody(c, ImageBuildRequest);
  markAsMade(c, request.name);
  const wanted = { workspace: caller.workspace, request, actor: caller.principal.name };
  const operation = { event: "image.create", image: request.name };
  if (c.req.query("upload") !== "true") {
    return c.json(await observe(context, caller, operation, () => fetchImage(context, c, wanted)));
  }
  const { image, uploadSecret } = await observe(context, caller, operation, () =>
    beginImageBuild(context, wanted, "UPLOADING"),
  );
  offerUpload(c, uploadSecret);
  return c.json(renderImage(image, caller.workspace));
}

/** With `skip-build=true` it answers when the image is there: then there is nothing to watch. */
async function fetchImage(context: SandboxContext, c: ApiContext, wanted: WantedImageBuild): Promise<ImageBuildAnswer> {
  const { image: reference, dockerConfig } = wanted.request;
  if (typeof reference !== "string" || reference === "") {
    throw new AppError("INVALID_ARGUMENT", "Cannot make an image of nothing: the request names no image to fetch", {
      hint: "Name one, or upload a Dockerfile with upload=true",
    });
  }
  const source = registryImageOf(reference, dockerConfig);
  const { build, image } = await beginImageBuild(context, wanted, "BUILDING");
  await beginFetch(context, build, source);
  const about = { name: image.name, resourceType: image.resourceType };
  const followed = followBuild(context, build);
  if (c.req.query("skip-build") !== "true") {
    return { ...about, message: `Image ${reference} is being fetched`, build: true };
  }
  await followed;
  const published = await publishedName(context, build);
  return { ...about, message: `Image ${reference} is there as ${published}`, image: published, build: false };
}
