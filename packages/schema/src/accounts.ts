import { z } from "zod";
import { WorkspaceName } from "./control-plane.ts";
import { Duration, durationMs } from "./duration.ts";

/** What someone may do in a workspace: members use its sandboxes, administrators also manage who else may. */
export const Role = z.enum(["admin", "member"]);
export type Role = z.infer<typeof Role>;

export const SubjectType = z.enum(["user", "service_account"]);
export type SubjectType = z.infer<typeof SubjectType>;

const Name = z.string().trim().min(1).max(63);
const Description = z.string().max(1024);
const Labels = z.record(z.string().min(1).max(256), z.string().max(1024));

/** Compared in lower case: mail systems do not tell cases apart either. */
export const Email = z.email().max(254).toLowerCase();

/** Long rather than complicated; argon2 takes any characters. */
export const Password = z.string().min(12, "expected at least 12 characters").max(256);

const KEY_LIFETIME_MAX_MS = 3653 * 86_400_000;

const KeyLifetime = Duration.refine(
  (duration) => durationMs(duration) <= KEY_LIFETIME_MAX_MS,
  "must not be longer than 10 years",
);

/** Body of `POST /workspaces`. */
export const WorkspaceCreateRequest = z.object({
  name: WorkspaceName,
  displayName: Name.nullish(),
  labels: Labels.nullish(),
});
export type WorkspaceCreateRequest = z.infer<typeof WorkspaceCreateRequest>;

/** Body of `PUT /workspaces/{name}`: an absent key keeps, `null` clears. The name stays. */
export const WorkspaceUpdateRequest = z.object({ displayName: Name.nullish(), labels: Labels.nullish() });
export type WorkspaceUpdateRequest = z.infer<typeof WorkspaceUpdateRequest>;

/** Body of `POST /workspaces/availability`: any text may be asked about. */
export const WorkspaceAvailabilityRequest = z.object({ name: z.string().max(256) });

export const WorkspaceAnswer = z.object({
  id: z.string(),
  name: WorkspaceName,
  accountId: z.string(),
  displayName: z.string(),
  labels: Labels,
  status: z.literal("ready"),
  createdAt: z.string(),
  updatedAt: z.string(),
  createdBy: z.string(),
});
export type WorkspaceAnswer = z.infer<typeof WorkspaceAnswer>;

/** Body of `POST /users`. */
export const InviteRequest = z.object({ email: Email, role: Role.default("member") });
export type InviteRequest = z.infer<typeof InviteRequest>;

/** Body of `PUT /users/{subOrEmail}`. */
export const RoleRequest = z.object({ role: Role });

/** A user of the workspace, invited ones included. */
export const WorkspaceUserAnswer = z.object({
  sub: z.string(),
  email: z.string(),
  role: Role,
  accepted: z.boolean(),
  /** True for an invitation nobody took in time. */
  expired: z.boolean(),
  source: z.literal("invitation"),
});
export type WorkspaceUserAnswer = z.infer<typeof WorkspaceUserAnswer>;

export const InvitationAnswer = z.object({
  email: z.string(),
  role: Role,
  workspace: WorkspaceName,
  invitedBy: z.string(),
  expiresAt: z.string(),
  createdAt: z.string(),
  /** Shown this once: the server sends no mail, so whoever invites hands it over. */
  invitationUrl: z.string(),
});
export type InvitationAnswer = z.infer<typeof InvitationAnswer>;

/** Body of `POST /accounts`: the account begins with one workspace, and the owner is invited to it. */
export const AccountCreateRequest = z.object({
  name: Name,
  owner: z.object({ email: Email }),
  workspace: WorkspaceCreateRequest,
});
export type AccountCreateRequest = z.infer<typeof AccountCreateRequest>;

export const AccountAnswer = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.string(),
  /** Invited ones included. */
  owners: z.array(z.object({ sub: z.string(), email: z.string(), accepted: z.boolean() })),
});
export type AccountAnswer = z.infer<typeof AccountAnswer>;

export const AccountCreateAnswer = AccountAnswer.extend({ invitation: InvitationAnswer });
export type AccountCreateAnswer = z.infer<typeof AccountCreateAnswer>;

/** Body of `POST /service_accounts`. */
export const ServiceAccountCreateRequest = z.object({
  name: Name,
  description: Description.nullish(),
  role: Role.default("member"),
});
export type ServiceAccountCreateRequest = z.infer<typeof ServiceAccountCreateRequest>;

/** Body of `PUT /service_accounts/{clientId}`: an absent key keeps. */
export const ServiceAccountUpdateRequest = z.object({
  name: Name.optional(),
  description: Description.nullish(),
  role: Role.optional(),
});
export type ServiceAccountUpdateRequest = z.infer<typeof ServiceAccountUpdateRequest>;

export const ServiceAccountAnswer = z.object({
  client_id: z.string(),
  /** Only when it is created. */
  client_secret: z.string().optional(),
  name: z.string(),
  description: z.string(),
  role: Role,
  created_at: z.string(),
  updated_at: z.string(),
});
export type ServiceAccountAnswer = z.infer<typeof ServiceAccountAnswer>;

/** Body of `POST …/api_keys`. Without `expires_in` the key lasts until it is revoked. */
export const ApiKeyCreateRequest = z.object({ name: Name.nullish(), expires_in: KeyLifetime.nullish() });
export type ApiKeyCreateRequest = z.infer<typeof ApiKeyCreateRequest>;

export const ApiKeyAnswer = z.object({
  id: z.string(),
  name: z.string(),
  /** The key itself, only when it is created. */
  apiKey: z.string().optional(),
  /** Its first characters, to tell keys apart. */
  prefix: z.string(),
  sub: z.string(),
  sub_type: SubjectType,
  createdAt: z.string(),
  createdBy: z.string(),
  expiresAt: z.string().optional(),
  /** Up to a minute old. */
  lastUsedAt: z.string().optional(),
});
export type ApiKeyAnswer = z.infer<typeof ApiKeyAnswer>;

/** Body of `POST /oauth/token`, as JSON or as a form. What a grant type needs is checked with it. */
export const TokenRequest = z.object({
  grant_type: z.string(),
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  device_code: z.string().optional(),
  refresh_token: z.string().optional(),
  code: z.string().optional(),
  redirect_uri: z.string().optional(),
  code_verifier: z.string().optional(),
});
export type TokenRequest = z.infer<typeof TokenRequest>;

/** Query of `/authorize` (RFC 6749 §4.1.1, RFC 7636 §4.3); what is wrong in the rest is told to the client. */
export const AuthorizationRequest = z.object({
  client_id: z.string().min(1).max(200),
  redirect_uri: z.string().min(1).max(2000),
  response_type: z.string().optional(),
  code_challenge: z.string().optional(),
  code_challenge_method: z.string().optional(),
  state: z.string().optional(),
});
export type AuthorizationRequest = z.infer<typeof AuthorizationRequest>;

export const TokenAnswer = z.object({
  /** A JWT with numeric `iat` and `exp`: clients read them to refresh in time. */
  access_token: z.string(),
  token_type: z.literal("Bearer"),
  /** Seconds. */
  expires_in: z.number(),
  refresh_token: z.string().optional(),
});
export type TokenAnswer = z.infer<typeof TokenAnswer>;

/** First part of an access token: no other algorithm is ours. */
export const AccessTokenHeader = z.object({ alg: z.literal("HS256"), typ: z.literal("JWT") });

/** What an access token says of whoever has it. */
export const AccessTokenClaims = z.object({
  sub: z.string(),
  sub_type: SubjectType,
  /** Id of the login it comes from; absent for a service account's own. */
  sid: z.string().optional(),
  /** The workspace of a request that names none. */
  workspace: z.string().optional(),
  jti: z.string(),
  /** Seconds since 1970, as the next one. */
  iat: z.number(),
  exp: z.number(),
});
export type AccessTokenClaims = z.infer<typeof AccessTokenClaims>;

/** Failure of the OAuth calls (RFC 6749 §5.2). */
export const OauthErrorAnswer = z.object({ error: z.string(), error_description: z.string() });
export type OauthErrorAnswer = z.infer<typeof OauthErrorAnswer>;

/** Answer of `POST /login/device` (RFC 8628 §3.2). */
export const DeviceLoginAnswer = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.string(),
  verification_uri_complete: z.string(),
  /** Seconds. */
  expires_in: z.number(),
  /** Seconds between two polls. */
  interval: z.number(),
});
export type DeviceLoginAnswer = z.infer<typeof DeviceLoginAnswer>;
