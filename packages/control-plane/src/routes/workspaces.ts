import { AppError } from "@dormouse/kernel";
import { WorkspaceAvailabilityRequest, WorkspaceCreateRequest, WorkspaceUpdateRequest } from "@dormouse/schema";
import { Hono } from "hono";
import { removeMember } from "../accounts/users.ts";
import {
  checkAvailability,
  createWorkspace,
  deleteWorkspace,
  listWorkspaces,
  renderWorkspace,
  requireWorkspace,
  updateWorkspace,
} from "../accounts/workspaces.ts";
import { markAsMade, markAsReading } from "../audit/audited.ts";
import { assertAdmin, type ApiContext, type ApiEnv } from "../http/caller.ts";
import { readBody } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";

/** `/workspaces` and `/workspaces/{workspace}`: the one in the path counts, not the one of the header. */
export function workspaceRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  const find = (c: ApiContext) => requireWorkspace(deps, c.get("caller").principal, c.req.param("workspace") ?? "");
  const findManaged = async (c: ApiContext) => {
    const workspace = await find(c);
    assertAdmin(deps.directory.credentials.roleIn(c.get("caller").principal, workspace.name), workspace.name);
    return workspace;
  };
  return new Hono<ApiEnv>()
    .get("/", async (c) => c.json((await listWorkspaces(deps, c.get("caller").principal)).map(renderWorkspace)))
    .post("/", async (c) => {
      const { principal, workspace: beside } = c.get("caller");
      const request = await readBody(c, WorkspaceCreateRequest);
      markAsMade(c, request.name);
      return c.json(renderWorkspace(await createWorkspace(deps, { principal, beside }, request)));
    })
    .post("/availability", async (c) => {
      markAsReading(c);
      const { name } = await readBody(c, WorkspaceAvailabilityRequest);
      const availability = checkAvailability(deps, name);
      return c.json(c.req.query("withReason") === "true" ? availability : availability.available);
    })
    .get("/:workspace", async (c) => c.json(renderWorkspace(await find(c))))
    .put("/:workspace", async (c) => {
      const workspace = await findManaged(c);
      return c.json(renderWorkspace(await updateWorkspace(deps, workspace, await readBody(c, WorkspaceUpdateRequest))));
    })
    .delete("/:workspace", async (c) => {
      const workspace = await findManaged(c);
      await deps.audit.flush();
      await deleteWorkspace(deps, workspace);
      return c.json(renderWorkspace(workspace));
    })
    .delete("/:workspace/leave", async (c) => {
      const workspace = await find(c);
      const { type, id: userId } = c.get("caller").principal;
      if (type !== "user") {
        throw new AppError(
          "INVALID_ARGUMENT",
          "Cannot leave the workspace: a service account belongs to one for good",
          {
            hint: "Delete the service account instead",
          },
        );
      }
      await removeMember(deps, { workspace: workspace.name, userId });
      return c.json(renderWorkspace(workspace));
    });
}
