import { InviteRequest, RoleRequest } from "@dormouse/schema";
import { Hono } from "hono";
import {
  changeRole,
  inviteUser,
  removeMember,
  renderInvitation,
  renderMember,
  requireMember,
} from "../accounts/users.ts";
import { markAsMade } from "../audit/audited.ts";
import { requireAdmin, type ApiEnv } from "../http/caller.ts";
import { readBody } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";

/** `/users` and `/users/{subOrEmail}`: who may enter the caller's workspace. */
export function userRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  const { store, clock } = deps;
  return new Hono<ApiEnv>()
    .get("/", async (c) => {
      const members = await store.users.membersOf(c.get("caller").workspace);
      return c.json(members.map((member) => renderMember(member, clock())));
    })
    .post("/", async (c) => {
      const { workspace, principal, baseUrl } = requireAdmin(c);
      const request = await readBody(c, InviteRequest);
      markAsMade(c, request.email);
      const invitation = await inviteUser(deps, { workspace, invitedBy: principal.id }, request);
      return c.json(renderInvitation(invitation, baseUrl));
    })
    .put("/:user", async (c) => {
      const { workspace } = requireAdmin(c);
      const member = await requireMember(deps, workspace, c.req.param("user"));
      const { role } = await readBody(c, RoleRequest);
      return c.json(renderMember(await changeRole(deps, member, role), clock()));
    })
    .delete("/:user", async (c) => {
      const { workspace } = requireAdmin(c);
      const member = await requireMember(deps, workspace, c.req.param("user"));
      await removeMember(deps, member);
      return c.json(renderMember(member, clock()));
    });
}
