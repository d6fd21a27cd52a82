import { PreviewCreateRequest, PreviewTokenCreateRequest } from "@dormouse/schema";
import type { PreviewRecord, SandboxRecord } from "@dormouse/store";
import { Hono } from "hono";
import type { ApiContext, ApiEnv } from "../http/caller.ts";
import { observe } from "../http/observe.ts";
import { readBody } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";
import { createPreview } from "../previews/create-preview.ts";
import { deletePreview } from "../previews/delete-preview.ts";
import { requirePreview } from "../previews/find-preview.ts";
import { renderPreview, renderToken } from "../previews/render-preview.ts";
import { updatePreview } from "../previews/update-preview.ts";
import { createToken, deleteToken } from "../previews/tokens.ts";
import { requireSandbox } from "../sandboxes/find-sandbox.ts";
import { customUrl, previewUrl } from "../urls.ts";

interface Found {
  readonly sandbox: SandboxRecord;
  readonly preview: PreviewRecord;
}

/** `/sandboxes/{sandbox}/previews` and `/sandboxes/{sandbox}/previews/{preview}`. */
export function previewRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  const render = (c: ApiContext, { sandbox, preview }: Found) =>
    renderPreview(preview, sandbox, urlOf(deps, c.get("caller").baseUrl, preview));
  return new Hono<ApiEnv>()
    .get("/", async (c) => {
      const sandbox = await findSandbox(deps, c);
      const previews = await deps.store.previews.listOf(sandbox.id);
      return c.json(previews.map((preview) => render(c, { sandbox, preview })));
    })
    .post("/", async (c) => {
      const sandbox = await findSandbox(deps, c);
      const request = await readBody(c, PreviewCreateRequest);
      const replace = c.req.query("force") === "true";
      const { baseUrl } = c.get("caller");
      const operation = { event: "preview.create", sandbox: sandbox.name };
      const preview = await observe(deps, c.get("caller"), operation, () =>
        createPreview(deps, sandbox, { request, replace, baseUrl }),
      );
      return c.json(render(c, { sandbox, preview }));
    })
    .get("/:preview", async (c) => c.json(render(c, await findPreview(deps, c))))
    .put("/:preview", async (c) => {
      const found = await findPreview(deps, c);
      const request = await readBody(c, PreviewCreateRequest);
      const operation = { event: "preview.update", sandbox: found.sandbox.name, preview: found.preview.name };
      const preview = await observe(deps, c.get("caller"), operation, () => updatePreview(deps, found, request));
      return c.json(render(c, { ...found, preview }));
    })
    .delete("/:preview", async (c) => {
      const found = await findPreview(deps, c);
      const operation = { event: "preview.delete", sandbox: found.sandbox.name, preview: found.preview.name };
      await observe(deps, c.get("caller"), operation, () => deletePreview(deps, found.preview));
      return c.json(render(c, found));
    })
    .route("/:preview/tokens", tokenRoutes(deps));
}

/** `/sandboxes/{sandbox}/previews/{preview}/tokens`. */
function tokenRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/", async (c) => {
      const { sandbox, preview } = await findPreview(deps, c);
      const tokens = await deps.store.previews.tokensOf(preview.id);
      return c.json(tokens.map((token) => renderToken(token, preview, sandbox, deps.clock())));
    })
    .post("/", async (c) => {
      const { sandbox, preview } = await findPreview(deps, c);
      const request = await readBody(c, PreviewTokenCreateRequest);
      const operation = { event: "preview.token.create", sandbox: sandbox.name, preview: preview.name };
      const token = await observe(deps, c.get("caller"), operation, () => createToken(deps, preview, request));
      return c.json(renderToken(token, preview, sandbox, deps.clock()));
    })
    .delete("/:token", async (c) => {
      const { sandbox, preview } = await findPreview(deps, c);
      const operation = { event: "preview.token.delete", sandbox: sandbox.name, preview: preview.name };
      await observe(deps, c.get("caller"), operation, () => deleteToken(deps, preview, c.req.param("token")));
      return c.json({ message: "Token deleted" });
    });
}

function urlOf({ settings }: ControlPlaneDeps, baseUrl: string, { id, customHost }: PreviewRecord): string {
  if (customHost !== undefined) return customUrl(baseUrl, customHost.hostname);
  return previewUrl(settings, baseUrl, id);
}

function findSandbox({ store }: ControlPlaneDeps, c: ApiContext): Promise<SandboxRecord> {
  return requireSandbox(store, c.get("caller").workspace, c.req.param("sandbox") ?? "");
}

async function findPreview(deps: ControlPlaneDeps, c: ApiContext): Promise<Found> {
  const sandbox = await findSandbox(deps, c);
  return { sandbox, preview: await requirePreview(deps.store, sandbox, c.req.param("preview") ?? "") };
}
