import { CustomDomainCreateRequest, CustomDomainShareRequest, CustomDomainUpdateRequest } from "@dormouse/schema";
import type { CustomDomainRecord } from "@dormouse/store";
import { Hono } from "hono";
import { markAsMade } from "../audit/audited.ts";
import { createDomainContext, type DomainContext } from "../custom-domains/context.ts";
import { createDomain } from "../custom-domains/create-domain.ts";
import { deleteDomain } from "../custom-domains/delete-domain.ts";
import { requireDomain, requireOwnDomain } from "../custom-domains/find-domain.ts";
import { renderDomain } from "../custom-domains/render-domain.ts";
import { listShares, shareDomain, unshareDomain } from "../custom-domains/share-domain.ts";
import { updateDomain } from "../custom-domains/update-domain.ts";
import { verifyDomain } from "../custom-domains/verify-domain.ts";
import { requireAdmin, type ApiContext, type ApiEnv, type Caller } from "../http/caller.ts";
import { observe } from "../http/observe.ts";
import { readBody } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";

/** `/customdomains` and `/customdomains/{domainName}`: administrators change them, members read them. */
export function customDomainRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  const context = createDomainContext(deps);
  const render = (c: ApiContext, domain: CustomDomainRecord) => renderDomain(domain, c.get("caller"));
  const find = (c: ApiContext) => requireDomain(deps, c.get("caller").workspace, c.req.param("domainName") ?? "");
  const findManaged = (c: ApiContext) =>
    requireOwnDomain(deps, requireAdmin(c).workspace, c.req.param("domainName") ?? "");
  return new Hono<ApiEnv>()
    .get("/", (c) =>
      c.json(deps.directory.domains.usableBy(c.get("caller").workspace).map((domain) => render(c, domain))),
    )
    .post("/", async (c) => c.json(render(c, await postDomain(context, c))))
    .get("/:domainName", (c) => c.json(render(c, find(c))))
    .put("/:domainName", async (c) => {
      const domain = findManaged(c);
      const request = await readBody(c, CustomDomainUpdateRequest);
      const operation = { event: "domain.update", domain: domain.name };
      const run = () => updateDomain(context, domain, request);
      return c.json(render(c, await observe(deps, c.get("caller"), operation, run)));
    })
    .delete("/:domainName", async (c) => {
      const domain = findManaged(c);
      const operation = { event: "domain.delete", domain: domain.name };
      await observe(deps, c.get("caller"), operation, () => deleteDomain(context, domain));
      return c.json(render(c, domain));
    })
    .post("/:domainName/verify", async (c) => {
      const domain = findManaged(c);
      const { baseUrl } = c.get("caller");
      const operation = { event: "domain.verify", domain: domain.name };
      const run = () => verifyDomain(context, domain, baseUrl);
      return c.json(render(c, await observe(deps, c.get("caller"), operation, run)));
    })
    .route("/:domainName/share", shareRoutes(context));
}

/** `/customdomains/{domainName}/share`. */
function shareRoutes(context: DomainContext): Hono<ApiEnv> {
  const find = (c: ApiContext, { workspace }: Caller) =>
    requireOwnDomain(context, workspace, c.req.param("domainName") ?? "");
  return new Hono<ApiEnv>()
    .get("/", async (c) => c.json(await listShares(context, find(c, c.get("caller")))))
    .post("/", async (c) => {
      const caller = requireAdmin(c);
      const domain = find(c, caller);
      const { targetWorkspace } = await readBody(c, CustomDomainShareRequest);
      const operation = { event: "domain.share", domain: domain.name };
      const run = () => shareDomain(context, domain, targetWorkspace);
      return c.json(renderDomain(await observe(context, caller, operation, run), caller));
    })
    .delete("/:targetWorkspace", async (c) => {
      const caller = requireAdmin(c);
      const domain = find(c, caller);
      const operation = { event: "domain.unshare", domain: domain.name };
      const run = () => unshareDomain(context, domain, c.req.param("targetWorkspace"));
      return c.json(renderDomain(await observe(context, caller, operation, run), caller));
    });
}

async function postDomain(context: DomainContext, c: ApiContext): Promise<CustomDomainRecord> {
  const { workspace, baseUrl } = requireAdmin(c);
  const request = await readBody(c, CustomDomainCreateRequest);
  const { name } = request.metadata;
  const run = () => createDomain(context, { workspace, baseUrl, request });
  const domain = await observe(context, c.get("caller"), { event: "domain.create", domain: name }, run);
  markAsMade(c, name);
  return domain;
}
