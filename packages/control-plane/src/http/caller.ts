import { AppError, randomId } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { Context, MiddlewareHandler } from "hono";
import type { ControlPlaneDeps } from "../ports.ts";
import { publicBaseUrl } from "../urls.ts";

/** Who asks, where, and what their answers' URLs start with. */
export interface Caller {
  readonly workspace: WorkspaceName;
  readonly requestId: string;
  readonly baseUrl: string;
}

/** What the routes find in their context. */
export interface ApiEnv {
  Variables: { requestId: string; caller: Caller };
}

export type ApiContext = Context<ApiEnv>;

/** Gives every answer a request id to ask about. */
export const withRequestId: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const requestId = randomId();
  c.set("requestId", requestId);
  c.header("X-Request-Id", requestId);
  await next();
};

/** Lets only requests with a key of the workspace they name pass. */
export function withCaller({ directory, settings }: ControlPlaneDeps): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const key = directory.authenticate(readBearerToken(c));
    if (key === undefined) {
      throw new AppError("UNAUTHENTICATED", "Cannot authenticate the request: the API key is unknown", {
        hint: 'Check BL_API_KEY; keys of this server start with "dm_"',
      });
    }
    const workspace = c.req.header("X-Blaxel-Workspace") ?? key.workspace;
    if (workspace !== key.workspace) {
      throw new AppError("FORBIDDEN", `Cannot use workspace "${workspace}": the API key does not belong to it`, {
        hint: `Set BL_WORKSPACE to "${key.workspace}", or use a key of the other workspace`,
      });
    }
    const baseUrl = publicBaseUrl(settings, c.req.url);
    c.set("caller", { workspace: key.workspace, requestId: c.get("requestId"), baseUrl });
    await next();
  };
}

function readBearerToken(c: ApiContext): string {
  const header = c.req.header("X-Blaxel-Authorization") ?? c.req.header("Authorization");
  const token = /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];
  if (token !== undefined) return token;
  throw new AppError("UNAUTHENTICATED", "Cannot authenticate the request: it carries no API key", {
    hint: 'Set BL_API_KEY, or send the header "Authorization: Bearer <key>"',
  });
}
