import { randomId, randomSecret } from "@dormouse/kernel";
import type { TokenAnswer, TokenRequest } from "@dormouse/schema";
import type { LoginGrantRecord, Subject } from "@dormouse/store";
import { timingSafeEqual } from "node:crypto";
import { hashSecret } from "../secrets.ts";
import { ACCESS_TOKEN_LIFETIME_S } from "./access-tokens.ts";
import { provesChallenge, type IssuedCode } from "./authorization-codes.ts";
import type { AccountsContext } from "./context.ts";
import type { SignedIn } from "./sign-in.ts";

const GRANT_LIFETIME_MS = 90 * 86_400_000;

/** A failure in the words of RFC 6749 §5.2 and RFC 8628 §3.5: clients branch on `code`. */
export class OauthError extends Error {
  readonly code: string;
  readonly status: 400 | 401;

  constructor(code: string, message: string) {
    super(message);
    this.name = "OauthError";
    this.code = code;
    this.status = code === "invalid_client" ? 401 : 400;
  }
}

export interface ClientSecret {
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface IssuedTokens {
  readonly answer: TokenAnswer;
  /** Whom they are for. */
  readonly subject: Subject;
}

/** `client` is what the `Authorization` header says. @throws {OauthError} */
export async function exchangeToken(
  context: AccountsContext,
  request: TokenRequest,
  client: ClientSecret | undefined,
): Promise<IssuedTokens> {
  switch (request.grant_type) {
    case "client_credentials":
      return byClientCredentials(context, client ?? clientOf(request));
    case "refresh_token":
      return byRefreshToken(context, request.refresh_token ?? "");
    case "device_code":
    case "urn:ietf:params:oauth:grant-type:device_code":
      return byDeviceCode(context, request.device_code ?? "");
    case "authorization_code":
      return byAuthorizationCode(context, request);
    default:
      throw new OauthError(
        "unsupported_grant_type",
        "Cannot issue a token: use client_credentials, refresh_token, device_code or authorization_code",
      );
  }
}

/** Ends the login behind a refresh or access token. Idempotent: an unknown one is already over (RFC 7009). */
export async function revokeToken({ store, directory }: AccountsContext, token: string): Promise<Subject | undefined> {
  const { credentials } = directory;
  const grant = credentials.findGrantByRefreshToken(token) ?? credentials.findGrantByAccessToken(token);
  if (grant === undefined) return undefined;
  await endGrant({ store, directory }, grant.id);
  return { type: "user", id: grant.userId };
}

async function endGrant({ store, directory }: Pick<AccountsContext, "store" | "directory">, id: string): Promise<void> {
  await store.credentials.removeGrant(id);
  directory.credentials.removeGrant(id);
}

function clientOf({ client_id, client_secret }: TokenRequest): ClientSecret {
  return { clientId: client_id ?? "", clientSecret: client_secret ?? "" };
}

async function byClientCredentials(
  { directory }: AccountsContext,
  { clientId, clientSecret }: ClientSecret,
): Promise<IssuedTokens> {
  const { people, accessTokens } = directory.credentials;
  const account = people.serviceAccount(clientId);
  const actual = Buffer.from(hashSecret(clientSecret));
  const expected = Buffer.from(account?.secretHash ?? hashSecret(""));
  if (!timingSafeEqual(actual, expected) || account === undefined) {
    throw new OauthError("invalid_client", "Cannot issue a token: the client id or secret is not right");
  }
  const { workspace } = account;
  const token = await accessTokens.issue({ sub: clientId, sub_type: "service_account", workspace });
  return { answer: renderTokens(token), subject: { type: "service_account", id: clientId } };
}

/**
 * The refresh token stays the same until the login ends: the stock SDK reads its refresh token from a file and never writes a
 * new one there, so a token that works once would log everyone out at the second refresh. It is good for one login only, which
 * can be revoked, and for 90 days.
 */
async function byRefreshToken(context: AccountsContext, refreshToken: string): Promise<IssuedTokens> {
  const grant = context.directory.credentials.findGrantByRefreshToken(refreshToken);
  if (grant === undefined) {
    throw new OauthError(
      "invalid_grant",
      "Cannot refresh the token: the login is unknown, expired or revoked. Log in again",
    );
  }
  return issueFor(context, grant, refreshToken);
}

async function byDeviceCode(context: AccountsContext, deviceCode: string): Promise<IssuedTokens> {
  const result = context.deviceLogins.poll(deviceCode);
  if (result === undefined)
    throw new OauthError("invalid_grant", "Cannot log in: the device code is unknown or used up");
  if (typeof result === "string") throw new OauthError(result, POLL_MESSAGES[result]);
  const refreshToken = randomSecret();
  return issueFor(context, await storeGrant(context, result, refreshToken), refreshToken);
}

const POLL_MESSAGES = {
  authorization_pending: "Cannot log in yet: the login is not confirmed",
  slow_down: "Cannot log in yet: ask less often",
  access_denied: "Cannot log in: the login was refused",
  expired_token: "Cannot log in: nobody confirmed the login in time",
} as const;

/** Good once, for the client that began the login. One that comes again was stolen, by whoever was first or second. */
async function byAuthorizationCode(context: AccountsContext, request: TokenRequest): Promise<IssuedTokens> {
  const issued = context.authorizationCodes.find(request.code ?? "");
  if (issued?.grantId !== undefined) await endGrant(context, issued.grantId);
  if (issued === undefined || issued.isUsed)
    throw new OauthError("invalid_grant", "Cannot log in: the code is unknown, expired or used up");
  issued.isUsed = true;
  assertBeganBy(issued, request);
  const refreshToken = randomSecret();
  const grant = await storeGrant(context, issued.signedIn, refreshToken);
  issued.grantId = grant.id;
  return issueFor(context, grant, refreshToken);
}

function assertBeganBy({ clientId, redirectUri, codeChallenge }: IssuedCode, request: TokenRequest): void {
  const isSame = request.client_id === clientId && request.redirect_uri === redirectUri;
  if (isSame && provesChallenge(codeChallenge, request.code_verifier ?? "")) return;
  throw new OauthError(
    "invalid_grant",
    "Cannot log in: client_id, redirect_uri or code_verifier are not those of the request for the code",
  );
}

async function storeGrant(
  { store, directory, clock }: AccountsContext,
  { userId, scope, apiKeyId, expiresAtMs }: SignedIn,
  refreshToken: string,
): Promise<LoginGrantRecord> {
  const createdAtMs = clock();
  const grant: LoginGrantRecord = {
    id: randomId(20),
    userId,
    workspace: scope,
    apiKeyId,
    refreshHash: hashSecret(refreshToken),
    createdAtMs,
    expiresAtMs: Math.min(createdAtMs + GRANT_LIFETIME_MS, expiresAtMs ?? Number.MAX_SAFE_INTEGER),
  };
  await store.credentials.insertGrant(grant);
  directory.credentials.putGrant(grant);
  return grant;
}

async function issueFor(
  { directory }: AccountsContext,
  { id, userId, workspace }: LoginGrantRecord,
  refreshToken: string,
): Promise<IssuedTokens> {
  const { people, accessTokens } = directory.credentials;
  const subject: Subject = { type: "user", id: userId };
  const home = workspace ?? people.workspacesOf(subject)[0];
  const token = await accessTokens.issue({
    sub: userId,
    sub_type: "user",
    sid: id,
    ...(home !== undefined && { workspace: home }),
  });
  return { answer: { ...renderTokens(token), refresh_token: refreshToken }, subject };
}

function renderTokens(token: string): TokenAnswer {
  return { access_token: token, token_type: "Bearer", expires_in: ACCESS_TOKEN_LIFETIME_S };
}
