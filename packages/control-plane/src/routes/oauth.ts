import { TokenRequest, type DeviceLoginAnswer, type OauthErrorAnswer } from "@dormouse/schema";
import type { Subject } from "@dormouse/store";
import { Hono } from "hono";
import type { AccountsContext } from "../accounts/context.ts";
import { DEVICE_LOGIN_LIFETIME_S, POLL_INTERVAL_S } from "../accounts/device-logins.ts";
import { exchangeToken, OauthError, revokeToken, type ClientSecret } from "../accounts/tokens.ts";
import { markAsReading } from "../audit/audited.ts";
import { clientAddressOf, type ApiContext, type ApiEnv } from "../http/caller.ts";
import { renderError } from "../http/errors.ts";
import { publicBaseUrl } from "../urls.ts";

/** Answers of a login that goes on: nothing has happened yet. */
const UNDER_WAY: ReadonlySet<string> = new Set(["authorization_pending", "slow_down"]);

/** Where tokens come from: `/oauth/token`, `/oauth/revoke`, `/login/device` and `/.well-known/openid-configuration`. */
export function oauthRoutes(context: AccountsContext): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/oauth/token", async (c) => {
      c.header("Cache-Control", "no-store");
      const { answer, subject } = await exchangeToken(context, await readTokenRequest(c), readBasic(c));
      markAsDoneBy(context, c, subject);
      return c.json(answer);
    })
    .post("/oauth/revoke", async (c) => {
      const { token } = await readFields(c);
      const subject = await revokeToken(context, token ?? "");
      if (subject === undefined) markAsReading(c);
      else markAsDoneBy(context, c, subject);
      return c.json({});
    })
    .post("/login/device", (c) => {
      markAsReading(c);
      const address = clientAddressOf(c);
      context.loginStarts.take(address);
      const { deviceCode, userCode } = context.deviceLogins.start(address);
      const page = `${publicBaseUrl(context.settings, c.req.url)}/device`;
      const answer: DeviceLoginAnswer = {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: page,
        verification_uri_complete: `${page}?user_code=${userCode}`,
        expires_in: DEVICE_LOGIN_LIFETIME_S,
        interval: POLL_INTERVAL_S,
      };
      return c.json(answer, 200, { "Cache-Control": "no-store" });
    })
    .get("/.well-known/openid-configuration", (c) =>
      c.json(openidConfiguration(publicBaseUrl(context.settings, c.req.url))),
    )
    .onError((error, c) => renderOauthError(context, c, error));
}

function renderOauthError(context: AccountsContext, c: ApiContext, error: Error): Response {
  if (!(error instanceof OauthError)) return renderError(context, c, error);
  if (UNDER_WAY.has(error.code)) markAsReading(c);
  c.set("errorCode", error.code);
  if (error.status === 401) c.header("WWW-Authenticate", 'Basic realm="dormouse"');
  const body: OauthErrorAnswer = { error: error.code, error_description: error.message };
  return c.json(body, error.status);
}

function markAsDoneBy({ directory }: AccountsContext, c: ApiContext, subject: Subject): void {
  const { people } = directory.credentials;
  const home = people.workspacesOf(subject)[0];
  const name = people.nameOf(subject);
  c.set("principal", { ...subject, name, home, apiKeyId: undefined, scope: undefined, expiresAtMs: undefined });
}

async function readTokenRequest(c: ApiContext): Promise<TokenRequest> {
  const parsed = TokenRequest.safeParse(await readFields(c));
  if (parsed.success) return parsed.data;
  throw new OauthError("invalid_request", "Cannot issue a token: the request names no grant_type");
}

/** The fields of a JSON or form body that are text. */
async function readFields(c: ApiContext): Promise<Record<string, string>> {
  const isForm = (c.req.header("Content-Type") ?? "").startsWith("application/x-www-form-urlencoded");
  const text = await c.req.text();
  const fields = isForm ? Object.fromEntries(new URLSearchParams(text)) : parseObject(text);
  return Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => typeof field[1] === "string"),
  );
}

function parseObject(text: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // Said below, as for JSON that is no object.
  }
  throw new OauthError("invalid_request", "Cannot read the request: it is no JSON object");
}

/** `clientId:clientSecret` in base64; the command line also sends it as it is. */
function readBasic(c: ApiContext): ClientSecret | undefined {
  const value = /^Basic +(\S+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
  if (value === undefined) return undefined;
  const text = value.includes(":") ? value : Buffer.from(value, "base64").toString();
  const [clientId = "", clientSecret = ""] = text.split(/:(.*)/s);
  return { clientId, clientSecret };
}

function openidConfiguration(baseUrl: string): object {
  return {
    issuer: baseUrl,
    authorization_endpoint: `${baseUrl}/authorize`,
    token_endpoint: `${baseUrl}/v0/oauth/token`,
    revocation_endpoint: `${baseUrl}/v0/oauth/revoke`,
    device_authorization_endpoint: `${baseUrl}/v0/login/device`,
    grant_types_supported: [
      "authorization_code",
      "client_credentials",
      "refresh_token",
      "urn:ietf:params:oauth:grant-type:device_code",
    ],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    scopes_supported: ["offline_access"],
  };
}
