import { AppError } from "@dormouse/kernel";
import { VolumeTemplateName, VolumeTemplateQuery, VolumeTemplateRequest } from "@dormouse/schema";
import { Hono } from "hono";
import { markAsIn, markAsMade } from "../audit/audited.ts";
import type { ApiContext, ApiEnv } from "../http/caller.ts";
import { observe } from "../http/observe.ts";
import { readBody, readQuery, readValue } from "../http/parse.ts";
import type { VolumeTemplateContext } from "../volume-templates/context.ts";
import { deleteTemplate, deleteVersion } from "../volume-templates/delete-template.ts";
import { requireTemplate } from "../volume-templates/find-template.ts";
import { claimUpload, receiveUpload } from "../volume-templates/receive-upload.ts";
import { renderTemplate, renderVersion } from "../volume-templates/render-template.ts";
import {
  createTemplate,
  type SavedTemplate,
  saveTemplate,
  type WantedTemplate,
} from "../volume-templates/save-template.ts";

const UPLOAD_PATH = "/volume_uploads";

/** `/volume_templates` and `/volume_templates/{name}`. */
export function volumeTemplateRoutes(context: VolumeTemplateContext): Hono<ApiEnv> {
  const find = (c: ApiContext, name: string) => requireTemplate(context.store, c.get("caller").workspace, name);
  return new Hono<ApiEnv>()
    .get("/", async (c) => {
      const templates = await context.store.volumeTemplates.list(c.get("caller").workspace);
      return c.json(templates.map(renderTemplate));
    })
    .post("/", async (c) => {
      const request = await readBody(c, VolumeTemplateRequest);
      const { name } = request.metadata;
      if (name === undefined || name === null) {
        throw new AppError("INVALID_ARGUMENT", "Cannot accept metadata.name: a volume template needs a name");
      }
      return save(context, c, { name, request, event: "volume_template.create", run: createTemplate });
    })
    .get("/:name", async (c) => c.json(renderTemplate(await find(c, c.req.param("name")))))
    .put("/:name", async (c) => {
      const name = readValue(VolumeTemplateName, c.req.param("name"), "the template's name");
      const request = await readBody(c, VolumeTemplateRequest);
      return save(context, c, { name, request, event: "volume_template.update", run: saveTemplate });
    })
    .delete("/:name", async (c) => {
      const template = await find(c, c.req.param("name"));
      const operation = { event: "volume_template.delete", volumeTemplate: template.name };
      await observe(context, c.get("caller"), operation, () => deleteTemplate(context, template));
      return c.json(renderTemplate(template));
    })
    .delete("/:name/versions/:version", async (c) => {
      const [template, version] = [await find(c, c.req.param("name")), c.req.param("version")];
      const operation = { event: "volume_template.version.delete", volumeTemplate: `${template.name}:${version}` };
      const left = await observe(context, c.get("caller"), operation, () => deleteVersion(context, template, version));
      return c.json({ message: `Version "${version}" is deleted`, template: renderTemplate(left) });
    });
}

/** `/volume_uploads/{token}`: the token in the path is the credential, and the body is no JSON. */
export function volumeUploadRoutes(context: VolumeTemplateContext): Hono<ApiEnv> {
  return new Hono<ApiEnv>().put(`${UPLOAD_PATH}/:token`, (c) =>
    context.uploadSlots.run(async () => {
      const claimed = await claimUpload(context, c.req.param("token"));
      const { template, version } = claimed;
      const volumeTemplate = `${template.name}:${version.name}`;
      const about = { workspace: template.workspace, requestId: c.get("requestId") };
      markAsIn(c, template.workspace);
      markAsMade(c, volumeTemplate);
      const operation = { event: "volume_template.upload", volumeTemplate };
      const ready = await observe(context, about, operation, () => receiveUpload(context, claimed, c.req.raw));
      return c.json(renderVersion(template, ready));
    }),
  );
}

interface Saving extends Pick<WantedTemplate, "name" | "request"> {
  readonly event: string;
  readonly run: (context: VolumeTemplateContext, wanted: WantedTemplate) => Promise<SavedTemplate>;
}

async function save(
  context: VolumeTemplateContext,
  c: ApiContext,
  { name, request, event, run }: Saving,
): Promise<Response> {
  const caller = c.get("caller");
  const { upload, version } = readQuery(c, VolumeTemplateQuery);
  const wanted = { workspace: caller.workspace, name, request, upload: upload === "true" ? { version } : undefined };
  const operation = { event, volumeTemplate: name };
  const { template, uploadSecret } = await observe(context, caller, operation, () => run(context, wanted));
  if (uploadSecret !== undefined) c.header("X-Blaxel-Upload-Url", `${caller.baseUrl}/v0${UPLOAD_PATH}/${uploadSecret}`);
  return c.json(renderTemplate(template));
}
