import { AccountCreateRequest, type AccountCreateAnswer } from "@dormouse/schema";
import { Hono } from "hono";
import { createAccount, deleteAccount, listAccounts, renderAccount } from "../accounts/accounts.ts";
import { renderInvitation } from "../accounts/users.ts";
import { markAsMade } from "../audit/audited.ts";
import type { ApiEnv } from "../http/caller.ts";
import { readBody } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";

/** `/accounts` and `/accounts/{account}`: whoever asks counts, not the workspace of the header. */
export function accountRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/", async (c) => c.json((await listAccounts(deps, c.get("caller").principal)).map(renderAccount)))
    .post("/", async (c) => {
      const { principal, baseUrl } = c.get("caller");
      const request = await readBody(c, AccountCreateRequest);
      const { account, invitation } = await createAccount(deps, principal, request);
      markAsMade(c, account.id);
      const answer: AccountCreateAnswer = {
        ...renderAccount(account),
        invitation: renderInvitation(invitation, baseUrl),
      };
      return c.json(answer);
    })
    .delete("/:account", async (c) =>
      c.json(renderAccount(await deleteAccount(deps, c.get("caller").principal, c.req.param("account")))),
    );
}
