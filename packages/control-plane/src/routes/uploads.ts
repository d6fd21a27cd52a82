import { AppError } from "@dormouse/kernel";
import { Hono } from "hono";
import { markAsIn, markAsMade } from "../audit/audited.ts";
import { claimUpload, receiveContext } from "../builds/receive-context.ts";
import type { ApiContext, ApiEnv } from "../http/caller.ts";
import { observe } from "../http/observe.ts";
import type { SandboxContext } from "../sandboxes/context.ts";

const UPLOAD_PATH = "/uploads";

/** `/uploads/{token}`: the token in the path is the credential, and the body is no JSON. */
export function buildUploadRoutes(context: SandboxContext): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .put(`${UPLOAD_PATH}/:token`, (c) =>
      context.buildUploads.run(async () => {
        const build = await claimUpload(context, c.req.param("token"));
        const about = { workspace: build.workspace, requestId: c.get("requestId") };
        markAsIn(c, build.workspace);
        markAsMade(c, build.name);
        const operation = { event: "image.upload", [build.kind]: build.name, build: build.id };
        await observe(context, about, operation, () => receiveContext(context, build, c.req.raw));
        return c.json({ message: "Upload is complete, the image is being built" });
      }),
    )
    .all(`${UPLOAD_PATH}/:token`, (c) => {
      throw new AppError("ROUTE_NOT_FOUND", `Cannot answer ${c.req.method}: an upload address takes one PUT`, {
        hint: "PUT the ZIP file to it",
      });
    });
}

/** Says where the context is to be sent: once, within an hour, without a credential. */
export function offerUpload(c: ApiContext, uploadSecret: string): void {
  c.header("X-Blaxel-Upload-Url", `${c.get("caller").baseUrl}/v0${UPLOAD_PATH}/${uploadSecret}`);
}
