import { randomId } from "@dormouse/kernel";
import {
  SandboxBuildRequest,
  SandboxCreateRequest,
  SandboxListQuery,
  SandboxName,
  SandboxUpdateRequest,
} from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { Hono } from "hono";
import { runtimeAskedFor } from "../builds/image-runtime.ts";
import { SHOWING_BUILD } from "../builds/shown-status.ts";
import { markAsMade } from "../audit/audited.ts";
import { requireAdmin, type ApiContext, type ApiEnv } from "../http/caller.ts";
import { renderSandboxError } from "../http/errors.ts";
import { observe, type Operation } from "../http/observe.ts";
import { DEFAULT_PAGE_LENGTH, wantsPages } from "../http/pages.ts";
import { readBody, readQuery } from "../http/parse.ts";
import { activityOf } from "../sandboxes/activity.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import { createSandbox } from "../sandboxes/create-sandbox.ts";
import { deleteSandbox } from "../sandboxes/delete-sandbox.ts";
import { requireSandbox, requireSandboxByExternalId, requireSandboxRecord } from "../sandboxes/find-sandbox.ts";
import { renderSandbox } from "../sandboxes/render-sandbox.ts";
import { updateSandbox } from "../sandboxes/update-sandbox.ts";
import { asksForBuild, postSandboxBuild, putSandboxBuild } from "./sandbox-builds.ts";

const REGION_WARNING =
  "A region makes the Blaxel SDK look for a foreign edge server: set BL_DISABLE_H2=1 so that it talks to this one";

/** `/sandboxes` and `/sandboxes/{name}`. */
export function sandboxRoutes(context: SandboxContext): Hono<ApiEnv> {
  const { store } = context;
  const render = (c: ApiContext, sandbox: SandboxRecord) => renderSandbox(context, sandbox, c.get("caller"));
  return new Hono<ApiEnv>()
    .post("/", (c) => postSandbox(context, c))
    .get("/", (c) => listSandboxes(context, c))
    .get("/by-external-id/:externalId", async (c) => {
      const { workspace } = c.get("caller");
      return c.json(render(c, await requireSandboxByExternalId(store, workspace, c.req.param("externalId"))));
    })
    .get("/:name", async (c) => {
      const showSecrets = c.req.query("show_secrets") === "true";
      const { workspace, baseUrl } = showSecrets ? requireAdmin(c) : c.get("caller");
      const sandbox = await requireSandboxRecord(store, workspace, c.req.param("name"));
      return c.json(renderSandbox(context, sandbox, { baseUrl, showSecrets, isPolled: true }));
    })
    .get("/:name/activity", async (c) => {
      const sandbox = await requireSandboxRecord(store, c.get("caller").workspace, c.req.param("name"));
      return c.json(await activityOf(context, sandbox));
    })
    .put("/:name", async (c) => {
      const caller = c.get("caller");
      const sandbox = await requireSandbox(store, caller.workspace, c.req.param("name"));
      if (await asksForBuild(c)) return putSandboxBuild(context, c, sandbox);
      const request = await readBody(c, SandboxUpdateRequest);
      const operation = { event: "sandbox.update", sandbox: sandbox.name, sandboxId: sandbox.id };
      const update = { request, actor: caller.principal.name };
      return c.json(
        render(c, await observe(context, caller, operation, () => updateSandbox(context, sandbox, update))),
      );
    })
    .delete("/:name", async (c) => {
      const caller = c.get("caller");
      const sandbox = await requireSandboxRecord(store, caller.workspace, c.req.param("name"));
      const operation = { event: "sandbox.delete", sandbox: sandbox.name, sandboxId: sandbox.id };
      return c.json(render(c, await observe(context, caller, operation, () => deleteSandbox(context, sandbox))));
    });
}

async function postSandbox(context: SandboxContext, c: ApiContext): Promise<Response> {
  const caller = c.get("caller");
  let name: SandboxName | undefined;
  try {
    if (await asksForBuild(c)) return await postSandboxBuild(context, c);
    const request = await readBody(c, SandboxCreateRequest);
    const asked = runtimeAskedFor(await readBody(c, SandboxBuildRequest));
    const assigned = request.metadata.name ?? SandboxName.parse(`sandbox-${randomId(8)}`);
    name = assigned;
    markAsMade(c, name);
    if (request.spec.region !== undefined) warnOfRegion(context, c, name);
    const reuse = c.req.query("createIfNotExist") === "true";
    const operation: Operation = { event: "sandbox.create", sandbox: name };
    const calledAtMs = context.clock();
    const sandbox = await observe(context, caller, operation, async () => {
      const { workspace, principal } = caller;
      const actor = principal.name;
      const created = await createSandbox(context, {
        workspace,
        name: assigned,
        request,
        asked,
        reuse,
        actor,
        caller: c.req.raw.signal,
      });
      operation.sandboxId = created.id;
      if (created.createdAtMs < calledAtMs) operation.event = "sandbox.reuse";
      return created;
    });
    return c.json(renderSandbox(context, sandbox, caller));
  } catch (error) {
    return renderSandboxError(context, c, error, name);
  }
}

async function listSandboxes(context: SandboxContext, c: ApiContext): Promise<Response> {
  const { store, clock, builds } = context;
  const caller = c.get("caller");
  const query = readQuery(c, SandboxListQuery);
  const limit = query.limit ?? (wantsPages(c) ? DEFAULT_PAGE_LENGTH : undefined);
  const shown = query.status && { statuses: builds.polledStatuses(caller.workspace), over: SHOWING_BUILD };
  const page = await store.sandboxes.list(caller.workspace, { ...query, limit, shown }, clock());
  const view = { baseUrl: caller.baseUrl, isPolled: true };
  const data = page.records.map((sandbox) => renderSandbox(context, sandbox, view));
  if (!wantsPages(c)) return c.json(data);
  const nextCursor = page.nextCursor ?? "";
  return c.json({ data, meta: { hasMore: nextCursor !== "", nextCursor, total: page.totalCount } });
}

function warnOfRegion({ log }: SandboxContext, c: ApiContext, name: SandboxName): void {
  c.header("X-Dormouse-Warning", REGION_WARNING);
  log.warn({ event: "sandbox.region", sandbox: name, requestId: c.get("requestId"), message: REGION_WARNING });
}
