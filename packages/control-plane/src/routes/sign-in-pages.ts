import { AppError } from "@dormouse/kernel";
import { Password } from "@dormouse/schema";
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AccountsContext } from "../accounts/context.ts";
import { devicePage, invitationPage, messagePage } from "../accounts/pages.ts";
import { acceptInvitation, requireInvited } from "../accounts/users.ts";
import { clientAddressOf, type ApiContext, type ApiEnv } from "../http/caller.ts";
import { explain, formGuards, noteFailure, readForm, readProof, renderFailure, signInAs } from "./form-page.ts";

/**
 * `/device` and `/invitation`, for browsers. There is no session: each form carries what proves who sends it, and is taken from
 * our own pages only.
 */
export function signInPages(context: AccountsContext): Hono<ApiEnv> {
  const guards = formGuards(context);
  return new Hono<ApiEnv>()
    .use("/device", ...guards)
    .use("/invitation", ...guards)
    .get("/device", (c) => c.html(devicePage(describeLogin(context, c.req.query("user_code") ?? ""))))
    .post("/device", (c) => decideLogin(context, c))
    .get("/invitation", async (c) => {
      const token = c.req.query("token") ?? "";
      const { email, workspace } = await requireInvited(context, token);
      return c.html(invitationPage({ token, email, workspace }));
    })
    .post("/invitation", (c) => joinWorkspace(context, c))
    .onError((error, c) => renderFailure(context, c, error));
}

async function decideLogin(context: AccountsContext, c: ApiContext): Promise<Response> {
  const form = await readForm(c);
  const userCode = form("user_code");
  const login = describeLogin(context, userCode);
  try {
    if (login.problem !== undefined) context.attempts.take(clientAddressOf(c));
    if (login.problem !== undefined) return c.html(devicePage(login), 404);
    const signedIn = await signInAs(context, c, readProof(c, form));
    const isApproved = form("decision") === "approve";
    context.deviceLogins.decide(userCode, isApproved ? signedIn : "denied");
    return c.html(
      isApproved
        ? messagePage("Logged in", "The command line is logged in. You can close this page.")
        : messagePage("Refused", "The command line is not logged in. You can close this page."),
    );
  } catch (thrown) {
    const error = noteFailure(context, c, thrown);
    return c.html(devicePage({ ...login, problem: explain(error) }), error.status as ContentfulStatusCode);
  }
}

async function joinWorkspace(context: AccountsContext, c: ApiContext): Promise<Response> {
  const form = await readForm(c);
  const token = form("token");
  const member = await requireInvited(context, token);
  const { email, workspace, userId } = member;
  try {
    context.attempts.take(clientAddressOf(c));
    const password = Password.safeParse(form("password"));
    if (!password.success) {
      throw new AppError("INVALID_ARGUMENT", "Cannot accept the password: it needs 12 to 256 characters");
    }
    await acceptInvitation(context, member, password.data);
    const credential = { apiKeyId: undefined, scope: undefined, expiresAtMs: undefined };
    c.set("principal", { type: "user", id: userId, name: email, home: workspace, ...credential });
    return c.html(messagePage(`Joined ${workspace}`, `You are in. Log in with: bl login ${workspace}`));
  } catch (thrown) {
    const error = noteFailure(context, c, thrown);
    const shown = invitationPage({ token, email, workspace, problem: explain(error) });
    return c.html(shown, error.status as ContentfulStatusCode);
  }
}

function describeLogin({ deviceLogins }: AccountsContext, userCode: string) {
  const login = userCode === "" ? undefined : deviceLogins.find(userCode);
  const isUnknown = userCode !== "" && login === undefined;
  const problem = isUnknown ? "There is no login of this code waiting. Start it again in the command line." : undefined;
  return { userCode, clientAddress: login?.clientAddress, problem };
}
