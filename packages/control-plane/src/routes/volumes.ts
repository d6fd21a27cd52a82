import { randomId } from "@dormouse/kernel";
import { VolumeCreateRequest, VolumeListQuery, VolumeName, VolumeUpdateRequest } from "@dormouse/schema";
import { Hono } from "hono";
import type { ApiContext, ApiEnv } from "../http/caller.ts";
import { observe } from "../http/observe.ts";
import { DEFAULT_PAGE_LENGTH, wantsPages } from "../http/pages.ts";
import { readBody, readQuery } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";
import { createVolumeContext, type VolumeContext } from "../volumes/context.ts";
import { createVolume } from "../volumes/create-volume.ts";
import { deleteVolume } from "../volumes/delete-volume.ts";
import { requireVolume, requireVolumeByExternalId } from "../volumes/find-volume.ts";
import { renderVolume } from "../volumes/render-volume.ts";
import { updateVolume } from "../volumes/update-volume.ts";

/** `/volumes` and `/volumes/{name}`. */
export function volumeRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  const context = createVolumeContext(deps);
  const { store } = deps;
  const find = (c: ApiContext, name: string) => requireVolume(store, c.get("caller").workspace, name);
  return new Hono<ApiEnv>()
    .post("/", (c) => postVolume(context, c))
    .get("/", (c) => listVolumes(context, c))
    .get("/by-external-id/:externalId", async (c) => {
      const { workspace } = c.get("caller");
      return c.json(renderVolume(await requireVolumeByExternalId(store, workspace, c.req.param("externalId"))));
    })
    .get("/:name", async (c) => c.json(renderVolume(await find(c, c.req.param("name")))))
    .put("/:name", async (c) => {
      const volume = await find(c, c.req.param("name"));
      const request = await readBody(c, VolumeUpdateRequest);
      const operation = { event: "volume.update", volume: volume.name };
      const run = () => updateVolume(context, volume, request);
      return c.json(renderVolume(await observe(context, c.get("caller"), operation, run)));
    })
    .delete("/:name", async (c) => {
      const volume = await find(c, c.req.param("name"));
      const operation = { event: "volume.delete", volume: volume.name };
      const run = () => deleteVolume(context, volume);
      return c.json(renderVolume(await observe(context, c.get("caller"), operation, run)));
    });
}

async function postVolume(context: VolumeContext, c: ApiContext): Promise<Response> {
  const caller = c.get("caller");
  const request = await readBody(c, VolumeCreateRequest);
  const name = request.metadata.name ?? VolumeName.parse(`volume-${randomId(8)}`);
  const run = () => createVolume(context, { workspace: caller.workspace, name, request });
  return c.json(renderVolume(await observe(context, caller, { event: "volume.create", volume: name }, run)));
}

async function listVolumes({ store, clock }: VolumeContext, c: ApiContext): Promise<Response> {
  const query = readQuery(c, VolumeListQuery);
  const limit = query.limit ?? (wantsPages(c) ? DEFAULT_PAGE_LENGTH : undefined);
  const page = await store.volumes.list(c.get("caller").workspace, { ...query, limit }, clock());
  const data = page.records.map(renderVolume);
  if (!wantsPages(c)) return c.json(data);
  const nextCursor = page.nextCursor ?? "";
  return c.json({ data, meta: { hasMore: nextCursor !== "", nextCursor, total: page.totalCount } });
}
