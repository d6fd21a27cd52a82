import { ApiKeyCreateRequest, ServiceAccountCreateRequest, ServiceAccountUpdateRequest } from "@dormouse/schema";
import type { ServiceAccountRecord, Subject } from "@dormouse/store";
import { Hono } from "hono";
import { apiKeyNotFound, createApiKey, renderApiKey, revokeApiKey } from "../accounts/api-keys.ts";
import {
  createServiceAccount,
  deleteServiceAccount,
  renderServiceAccount,
  requireServiceAccount,
  updateServiceAccount,
} from "../accounts/service-accounts.ts";
import { markAsMade } from "../audit/audited.ts";
import { requireAdmin, type ApiContext, type ApiEnv } from "../http/caller.ts";
import { readBody } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";

/** `/service_accounts` and `/service_accounts/{clientId}`, for administrators. */
export function serviceAccountRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  const find = (c: ApiContext) => requireServiceAccount(deps, requireAdmin(c).workspace, c.req.param("clientId") ?? "");
  return new Hono<ApiEnv>()
    .get("/", (c) => {
      const { workspace } = requireAdmin(c);
      const accounts = deps.directory.credentials.people.serviceAccountsIn(workspace);
      return c.json(accounts.map((account) => renderServiceAccount(account)));
    })
    .post("/", async (c) => {
      const { workspace } = requireAdmin(c);
      const request = await readBody(c, ServiceAccountCreateRequest);
      const { record, clientSecret } = await createServiceAccount(deps, workspace, request);
      markAsMade(c, record.clientId);
      return c.json(renderServiceAccount(record, clientSecret));
    })
    .put("/:clientId", async (c) => {
      const account = find(c);
      const request = await readBody(c, ServiceAccountUpdateRequest);
      return c.json(renderServiceAccount(await updateServiceAccount(deps, account, request)));
    })
    .delete("/:clientId", async (c) => {
      const account = find(c);
      await deleteServiceAccount(deps, account);
      return c.json(renderServiceAccount(account));
    })
    .route("/:clientId/api_keys", keyRoutes(deps, find));
}

/** `/service_accounts/{clientId}/api_keys`. */
function keyRoutes(deps: ControlPlaneDeps, find: (c: ApiContext) => ServiceAccountRecord): Hono<ApiEnv> {
  const subjectOf = (account: ServiceAccountRecord): Subject => ({ type: "service_account", id: account.clientId });
  return new Hono<ApiEnv>()
    .get("/", async (c) => {
      const account = find(c);
      const keys = await deps.store.credentials.apiKeysOf(account.workspace, subjectOf(account));
      return c.json(keys.map((key) => renderApiKey(deps, key)));
    })
    .post("/", async (c) => {
      const account = find(c);
      const { principal, workspace } = c.get("caller");
      const request = await readBody(c, ApiKeyCreateRequest);
      const subject = subjectOf(account);
      const { record, key } = await createApiKey(deps, { workspace, subject, createdBy: principal.id, request });
      markAsMade(c, record.id);
      return c.json(renderApiKey(deps, record, key));
    })
    .delete("/:apiKeyId", async (c) => {
      const account = find(c);
      const id = c.req.param("apiKeyId");
      const record = await deps.store.credentials.findApiKey(account.workspace, id);
      if (record?.subject.id !== account.clientId) throw apiKeyNotFound(id);
      await revokeApiKey(deps, record);
      return c.json(renderApiKey(deps, record));
    });
}
