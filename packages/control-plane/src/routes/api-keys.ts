import { ApiKeyCreateRequest } from "@dormouse/schema";
import { Hono } from "hono";
import { apiKeyNotFound, createApiKey, renderApiKey, revokeApiKey } from "../accounts/api-keys.ts";
import { markAsMade } from "../audit/audited.ts";
import type { ApiEnv } from "../http/caller.ts";
import { readBody } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";

/** `/api_keys`: the caller's own in the workspace; administrators see and revoke everyone's. */
export function apiKeyRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  const { store } = deps;
  return new Hono<ApiEnv>()
    .get("/", async (c) => {
      const { workspace, principal, role } = c.get("caller");
      const keys = await store.credentials.apiKeysOf(workspace, role === "admin" ? undefined : principal);
      return c.json(keys.map((key) => renderApiKey(deps, key)));
    })
    .post("/", async (c) => {
      const { workspace, principal } = c.get("caller");
      const request = await readBody(c, ApiKeyCreateRequest);
      const subject = { type: principal.type, id: principal.id };
      const { record, key } = await createApiKey(deps, { workspace, subject, createdBy: principal.id, request });
      markAsMade(c, record.id);
      return c.json(renderApiKey(deps, record, key));
    })
    .delete("/:apiKeyId", async (c) => {
      const { workspace, principal, role } = c.get("caller");
      const id = c.req.param("apiKeyId");
      const record = await store.credentials.findApiKey(workspace, id);
      const isTheirs = record?.subject.id === principal.id;
      if (record === undefined || !(isTheirs || role === "admin")) throw apiKeyNotFound(id);
      await revokeApiKey(deps, record);
      return c.json(renderApiKey(deps, record));
    });
}
