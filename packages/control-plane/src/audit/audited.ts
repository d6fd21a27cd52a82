import type { WorkspaceName } from "@dormouse/schema";
import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { clientAddressOf, type ApiContext, type ApiEnv } from "../http/caller.ts";
import type { ControlPlaneDeps } from "../ports.ts";

const VERBS: Readonly<Record<string, string>> = { POST: "create", PUT: "update", PATCH: "update", DELETE: "delete" };
const RESOURCE_MAX_LENGTH = 512;

/** Path parameters that are secrets themselves. */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([":token"]);

/** Writes down every call that changes something and every one that could not say who it is. */
export function withAudit(deps: ControlPlaneDeps): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    await next();
    if (isChange(c) || c.res.status === 401) recordRequest(deps, c);
  };
}

/** True for a call that changes something; only once it is answered. */
export function isChange(c: ApiContext): boolean {
  return routePathOf(c) !== undefined && VERBS[c.req.method] !== undefined && c.get("isReading") !== true;
}

/** What a call does, as the audit log has it, such as `api_keys.create`. */
export function actionOf(c: ApiContext): string {
  const resource = partsOf(routePathOf(c) ?? "").filter((part) => !part.startsWith(":"));
  return [...resource, VERBS[c.req.method] ?? "read"].join(".");
}

/** With its parameters' names; undefined for a path that nothing answers. */
function routePathOf(c: ApiContext): string | undefined {
  return matchedRoutes(c).findLast(({ path }) => !path.includes("*"))?.path;
}

/** The call changes nothing although its method says so. */
export function markAsReading(c: ApiContext): void {
  c.set("isReading", true);
}

/** Adds what the call made to the path it was sent to. */
export function markAsMade(c: ApiContext, name: string): void {
  c.set("madeName", name);
}

/** The workspace of a call that needs no caller, because its address is the credential. */
export function markAsIn(c: ApiContext, workspace: WorkspaceName): void {
  c.set("changedWorkspace", workspace);
}

function recordRequest({ audit, directory }: ControlPlaneDeps, c: ApiContext): void {
  const { people } = directory.credentials;
  const principal = c.get("principal");
  const known = c.get("caller")?.workspace ?? c.get("changedWorkspace") ?? principal?.home;
  const workspace = known ?? c.req.header("X-Blaxel-Workspace") ?? "";
  const pattern = partsOf(routePathOf(c) ?? "");
  const segments = partsOf(c.req.path).slice(0, pattern.length);
  const made = c.get("madeName");
  const resource = segments.map((segment, index) => (SECRET_PARAMETERS.has(pattern[index] ?? "") ? "***" : segment));
  const failure = c.get("errorCode");
  const isAnonymous = principal === undefined && c.get("changedWorkspace") === undefined;
  const isThere = people.hasWorkspace(workspace);
  const entry = {
    // A name that is nobody's stays out of everybody's log.
    workspace: isThere ? workspace : undefined,
    accountId: isThere ? undefined : c.get("accountId"),
    actor: principal && {
      type: principal.type,
      id: principal.id,
      name: principal.name,
      apiKeyId: principal.apiKeyId,
    },
    action: actionOf(c),
    method: c.req.method,
    resource: [...resource, ...(made === undefined ? [] : [made])].join("/").slice(0, RESOURCE_MAX_LENGTH),
    status: c.res.status,
    code: failure,
    requestId: c.get("requestId"),
    clientAddress: clientAddressOf(c) || undefined,
  };
  audit.record(entry, isAnonymous);
}

/** Without the prefix of the API. */
function partsOf(path: string): string[] {
  return path
    .replace(/^\/(v0|api)(?=\/|$)/, "")
    .split("/")
    .filter((part) => part !== "");
}
