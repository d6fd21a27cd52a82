import { Hono } from "hono";
import type { ApiEnv } from "../http/caller.ts";
import { listHub } from "../images/list-hub.ts";
import type { ControlPlaneDeps } from "../ports.ts";

/** `/sandbox/hub`, and `/templates`: this server keeps no projects to clone, those of the command line are built in. */
export function hubRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/sandbox/hub", async (c) => c.json(await listHub(deps)))
    .get("/templates", (c) => c.json([]));
}
