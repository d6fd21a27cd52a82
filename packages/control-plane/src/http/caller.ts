import { AppError, randomId } from "@dormouse/kernel";
import type { Role, WorkspaceName } from "@dormouse/schema";
import type { Context, MiddlewareHandler } from "hono";
import type { Principal } from "../accounts/credentials.ts";
import type { ControlPlaneDeps } from "../ports.ts";
import { publicBaseUrl } from "../urls.ts";

/** Who asks, where, and what their answers' URLs start with. */
export interface Caller {
  readonly workspace: WorkspaceName;
  readonly principal: Principal;
  /** In the workspace. */
  readonly role: Role;
  readonly requestId: string;
  readonly baseUrl: string;
}

/** What the routes find in their context. */
export interface ApiEnv {
  Bindings: {
    /** Of the other end of the connection; absent where there is none. */
    clientAddress?: string | undefined;
  };
  Variables: {
    requestId: string;
    caller: Caller;
    /** Whoever it is, also where the caller may not go. */
    principal: Principal | undefined;
    /** Of an answer that is a failure. */
    errorCode: string | undefined;
    /** For the audit log: of the caller's workspace, which the call may delete. */
    accountId: string | undefined;
    isReading: boolean | undefined;
    madeName: string | undefined;
    changedWorkspace: WorkspaceName | undefined;
  };
}

export type ApiContext = Context<ApiEnv>;

/** Gives every answer a request id to ask about. */
export const withRequestId: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const requestId = randomId();
  c.set("requestId", requestId);
  c.header("X-Request-Id", requestId);
  await next();
};

/** Lets only requests with a credential for the workspace they name pass. */
export function withCaller({ directory, settings }: ControlPlaneDeps): MiddlewareHandler<ApiEnv> {
  const { credentials } = directory;
  return async (c, next) => {
    const principal = credentials.authenticate(readBearerToken(c));
    if (principal === undefined) {
      throw new AppError(
        "UNAUTHENTICATED",
        "Cannot authenticate the request: the API key or token is unknown, expired or revoked",
        { hint: 'Check BL_API_KEY; keys of this server start with "dm_"' },
      );
    }
    c.set("principal", principal);
    const workspace = (c.req.header("X-Blaxel-Workspace") || principal.home) as WorkspaceName | undefined;
    const role = workspace && credentials.roleIn(principal, workspace);
    if (workspace === undefined || role === undefined) throw workspaceRefused(principal, workspace);
    const baseUrl = publicBaseUrl(settings, c.req.url);
    c.set("accountId", credentials.people.accountOf(workspace));
    c.set("caller", { workspace, principal, role, requestId: c.get("requestId"), baseUrl });
    await next();
  };
}

/** The caller, who must be an administrator of the workspace. @throws {AppError} FORBIDDEN */
export function requireAdmin(c: ApiContext): Caller {
  const caller = c.get("caller");
  assertAdmin(caller.role, caller.workspace);
  return caller;
}

/** @throws {AppError} FORBIDDEN */
export function assertAdmin(role: Role | undefined, workspace: string): void {
  if (role === "admin") return;
  throw new AppError("FORBIDDEN", `Cannot do this in workspace "${workspace}": only its administrators can`, {
    hint: "Ask an administrator of the workspace",
  });
}

function workspaceRefused({ home }: Principal, workspace: string | undefined): AppError {
  if (workspace === undefined) {
    return new AppError("FORBIDDEN", "Cannot use any workspace: you are a member of none", {
      hint: "Ask an administrator for an invitation",
    });
  }
  return new AppError("FORBIDDEN", `Cannot use workspace "${workspace}": the API key does not belong to it`, {
    hint:
      home === undefined
        ? "Ask an administrator of the workspace for an invitation"
        : `Set BL_WORKSPACE to "${home}", or use a key of the other workspace`,
  });
}

/** Empty where there is no connection. */
export function clientAddressOf(c: ApiContext): string {
  return (c.env as ApiEnv["Bindings"] | undefined)?.clientAddress ?? "";
}

function readBearerToken(c: ApiContext): string {
  const header = c.req.header("X-Blaxel-Authorization") || c.req.header("Authorization");
  const token = /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];
  if (token !== undefined) return token;
  throw new AppError("UNAUTHENTICATED", "Cannot authenticate the request: it carries no API key", {
    hint: 'Set BL_API_KEY, or send the header "Authorization: Bearer <key>"',
  });
}
