import { AppError } from "@dormouse/kernel";
import { AuthorizationRequest } from "@dormouse/schema";
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AccountsContext } from "../accounts/context.ts";
import { authorizePage } from "../accounts/pages.ts";
import { mayRedirectTo, withParameters } from "../accounts/redirect-uris.ts";
import type { ApiContext, ApiEnv } from "../http/caller.ts";
import { publicBaseUrl } from "../urls.ts";
import { explain, formGuards, noteFailure, readForm, readProof, renderFailure, signInAs } from "./form-page.ts";

const PATH = "/authorize";

/**
 * `/authorize`, where people let a program log in as them: authorization codes (RFC 6749 §4.1) for clients that prove by PKCE that
 * they began it (RFC 7636). What is asked stays in the address, also while the form is sent.
 */
export function authorizePages(context: AccountsContext): Hono<ApiEnv> {
  const formTarget = (c: { req: { url: string } }): string => redirectOriginOf(context, c.req.url);
  return new Hono<ApiEnv>()
    .use(PATH, ...formGuards(context, formTarget))
    .get(PATH, (c) => {
      const request = readRequest(context, c);
      const problem = problemOf(request);
      if (problem !== undefined) return answerClient(context, c, { request, parameters: { error: problem } });
      return c.html(authorizePage(pageOf(request)));
    })
    .post(PATH, (c) => decide(context, c))
    .onError((error, c) => renderFailure(context, c, error));
}

/** @throws {AppError} INVALID_ARGUMENT for a client that must not be answered by redirect (RFC 6749 §4.1.2.1) */
function readRequest(context: AccountsContext, c: ApiContext): AuthorizationRequest {
  const parsed = AuthorizationRequest.safeParse(c.req.query());
  if (!parsed.success) throw new AppError("INVALID_ARGUMENT", "Cannot log in a program: it does not say which it is");
  if (mayRedirectTo(parsed.data.redirect_uri, rulesOf(context, c.req.url))) return parsed.data;
  throw new AppError("INVALID_ARGUMENT", "Cannot log in a program: nothing may be sent to the address it names", {
    hint: "Programs on your machine name http://127.0.0.1:PORT; for others the operator sets DORMOUSE_REDIRECT_URIS",
  });
}

const rulesOf = ({ settings }: AccountsContext, requestUrl: string) => ({
  allowed: settings.redirectUris,
  baseUrl: publicBaseUrl(settings, requestUrl),
});

function redirectOriginOf(context: AccountsContext, requestUrl: string): string {
  const uri = new URL(requestUrl).searchParams.get("redirect_uri") ?? "";
  if (!mayRedirectTo(uri, rulesOf(context, requestUrl))) return "";
  const { protocol, origin, hostname } = new URL(uri);
  // A policy can name neither IPv6 addresses nor origins of other schemes.
  return protocol.startsWith("http") && !hostname.startsWith("[") ? origin : protocol;
}

const CHALLENGE = /^[\w-]{43}$/;

function problemOf(request: AuthorizationRequest): string | undefined {
  if (request.response_type !== "code") return "unsupported_response_type";
  const hasProof = request.code_challenge_method === "S256" && CHALLENGE.test(request.code_challenge ?? "");
  return hasProof ? undefined : "invalid_request";
}

const pageOf = ({ client_id: clientId, redirect_uri: redirectUri }: AuthorizationRequest) => ({
  clientId,
  redirectHost: new URL(redirectUri).host,
});

async function decide(context: AccountsContext, c: ApiContext): Promise<Response> {
  const request = readRequest(context, c);
  const problem = problemOf(request);
  if (problem !== undefined) return answerClient(context, c, { request, parameters: { error: problem } });
  const form = await readForm(c);
  if (form("decision") !== "approve")
    return answerClient(context, c, { request, parameters: { error: "access_denied" } });
  try {
    const signedIn = await signInAs(context, c, readProof(c, form));
    const { client_id: clientId, redirect_uri: redirectUri, code_challenge: codeChallenge = "" } = request;
    const code = context.authorizationCodes.issue({ clientId, redirectUri, codeChallenge, signedIn });
    return answerClient(context, c, { request, parameters: { code } });
  } catch (thrown) {
    const error = noteFailure(context, c, thrown);
    const page = authorizePage({ ...pageOf(request), problem: explain(error) });
    return c.html(page, error.status as ContentfulStatusCode);
  }
}

interface ClientAnswer {
  readonly request: AuthorizationRequest;
  readonly parameters: Readonly<Record<string, string>>;
}

/** `iss` tells clients of several servers which one answers (RFC 9207). */
function answerClient({ settings }: AccountsContext, c: ApiContext, { request, parameters }: ClientAnswer): Response {
  if (parameters["error"] !== undefined) c.set("errorCode", parameters["error"]);
  const { redirect_uri: uri, state } = request;
  const iss = publicBaseUrl(settings, c.req.url);
  return c.redirect(withParameters(uri, { ...parameters, state, iss }), 303);
}
