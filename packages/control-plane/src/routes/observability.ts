import { LogQuery } from "@dormouse/schema";
import { Hono } from "hono";
import type { ApiEnv } from "../http/caller.ts";
import { readQuery } from "../http/parse.ts";
import { findLogs } from "../logs/find-logs.ts";
import type { SandboxContext } from "../sandboxes/context.ts";

/** `/observability`. */
export function observabilityRoutes(context: SandboxContext): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/logs", async (c) =>
    c.json(await findLogs(context, c.get("caller").workspace, readQuery(c, LogQuery))),
  );
}
