import { AuditQuery, type AuditEventAnswer, type AuditPage } from "@dormouse/schema";
import type { AuditRecord } from "@dormouse/store";
import { Hono } from "hono";
import { requireAdmin, type ApiEnv } from "../http/caller.ts";
import { readQuery } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";

/** `/audit`: what happened in the workspace; owners of the account also see what happened in those that are gone. */
export function auditRoutes({ store, audit, directory }: ControlPlaneDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/", async (c) => {
    const { workspace, principal } = requireAdmin(c);
    const query = readQuery(c, AuditQuery);
    const { credentials } = directory;
    const accountId =
      principal.scope === undefined ? credentials.people.accountOwnedBy(principal, workspace) : undefined;
    const withInstallation = accountId === credentials.people.firstAccountId;
    await audit.flush();
    const records = await store.audit.list({ workspace, accountId, withInstallation }, query);
    const shown = records.slice(0, query.limit);
    const nextCursor = records.length > shown.length ? (shown.at(-1)?.id ?? "") : "";
    const page: AuditPage = { data: shown.map(render), meta: { hasMore: nextCursor !== "", nextCursor } };
    return c.json(page);
  });
}

function render(record: AuditRecord): AuditEventAnswer {
  const { actor, code, clientAddress } = record;
  return {
    id: record.id,
    time: new Date(record.atMs).toISOString(),
    ...(actor !== undefined && {
      actor: {
        type: actor.type,
        id: actor.id,
        name: actor.name,
        ...(actor.apiKeyId !== undefined && { apiKeyId: actor.apiKeyId }),
      },
    }),
    action: record.action,
    method: record.method,
    resource: record.resource,
    status: record.status,
    ...(code !== undefined && { code }),
    requestId: record.requestId,
    ...(clientAddress !== undefined && { clientAddress }),
  };
}
