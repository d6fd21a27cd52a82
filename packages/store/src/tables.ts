import type { Generated } from "kysely";

/** Every table and column, for every dialect. JSON is kept as text, times as milliseconds since 1970. */
export interface Tables {
  installation: InstallationTable;
  workspaces: WorkspacesTable;
  accounts: AccountsTable;
  users: UsersTable;
  account_owners: AccountOwnersTable;
  memberships: MembershipsTable;
  service_accounts: ServiceAccountsTable;
  api_keys: ApiKeysTable;
  login_grants: LoginGrantsTable;
  audit_events: AuditEventsTable;
  sandboxes: SandboxesTable;
  images: ImagesTable;
  image_tags: ImageTagsTable;
  image_shares: ImageSharesTable;
  image_removals: ImageRemovalsTable;
  image_runtimes: ImageRuntimesTable;
  builds: BuildsTable;
  custom_domains: CustomDomainsTable;
  custom_domain_shares: CustomDomainSharesTable;
  previews: PreviewsTable;
  preview_tokens: PreviewTokensTable;
  volumes: VolumesTable;
  volume_templates: VolumeTemplatesTable;
  volume_template_versions: VolumeTemplateVersionsTable;
  schedules: SchedulesTable;
  schedule_executions: ScheduleExecutionsTable;
}

/** Primary keys, in an order in which every table comes after those it refers to. */
export const PRIMARY_KEYS = {
  accounts: ["id"],
  installation: ["id"],
  users: ["id"],
  account_owners: ["account_id", "user_id"],
  workspaces: ["name"],
  memberships: ["workspace", "user_id"],
  service_accounts: ["client_id"],
  api_keys: ["id"],
  login_grants: ["id"],
  audit_events: ["id"],
  sandboxes: ["id"],
  images: ["id"],
  image_tags: ["id"],
  image_shares: ["id"],
  image_removals: ["id"],
  image_runtimes: ["id"],
  builds: ["id"],
  custom_domains: ["id"],
  custom_domain_shares: ["domain_id", "workspace"],
  previews: ["id"],
  preview_tokens: ["position"],
  volumes: ["id"],
  volume_templates: ["id"],
  volume_template_versions: ["id"],
  schedules: ["id"],
  schedule_executions: ["id"],
} as const satisfies { readonly [T in keyof Tables]: readonly (keyof Tables[T])[] };

/** Exactly one row. */
interface InstallationTable {
  id: number;
  preview_secret: string;
  /** Signs access tokens. */
  token_secret: string;
  /** The first account: its owners administer the installation. `null` only before it is there. */
  account_id: string | null;
}

export interface WorkspacesTable {
  name: string;
  id: string;
  account_id: string;
  display_name: string;
  labels: string;
  created_by: string;
  created_at_ms: number;
  updated_at_ms: number;
}

interface AccountsTable {
  id: string;
  /** Unique in the installation. */
  name: string;
  created_at_ms: number;
}

export interface UsersTable {
  id: string;
  /** Lower case, unique in the installation. */
  email: string;
  /** argon2id; `null` for who signs in with an API key or has not taken an invitation yet. */
  password_hash: string | null;
  created_at_ms: number;
}

interface AccountOwnersTable {
  account_id: string;
  user_id: string;
}

export interface MembershipsTable {
  workspace: string;
  user_id: string;
  role: string;
  invited_by: string;
  /** SHA-256 of the invitation's token in hex; `null` once it is taken. */
  invitation_hash: string | null;
  invitation_expires_at_ms: number | null;
  /** 1 if whoever takes the invitation becomes an owner of the workspace's account. */
  invitation_makes_owner: Generated<number>;
  created_at_ms: number;
}

export interface ServiceAccountsTable {
  client_id: string;
  workspace: string;
  name: string;
  description: string;
  role: string;
  /** SHA-256 of the client secret in hex. */
  secret_hash: string;
  created_at_ms: number;
  updated_at_ms: number;
}

export interface ApiKeysTable {
  id: string;
  workspace: string;
  name: string;
  /** SHA-256 of the key in hex: the key itself is never stored. */
  hash: string;
  created_at_ms: number;
  /** Exactly one of `user_id` and `client_id` is set. */
  user_id: string | null;
  client_id: string | null;
  /** `account`: opens every workspace its user may use, not only its own. */
  scope: string;
  prefix: string;
  created_by: string;
  expires_at_ms: number | null;
  last_used_at_ms: number | null;
}

export interface LoginGrantsTable {
  id: string;
  user_id: string;
  /** `null`: every workspace of the user. */
  workspace: string | null;
  /** The key the login was confirmed with, if it was one: the grant ends with it. */
  api_key_id: string | null;
  /** SHA-256 of the refresh token in hex. */
  refresh_hash: string;
  created_at_ms: number;
  expires_at_ms: number;
}

export interface AuditEventsTable {
  /** Sorts by time. */
  id: string;
  /** `null`: of an account, or of the installation as a whole. */
  workspace: string | null;
  /** The account of a workspace that is gone. */
  account_id: string | null;
  at_ms: number;
  actor_type: string | null;
  actor_id: string | null;
  actor_name: string | null;
  api_key_id: string | null;
  action: string;
  method: string;
  resource: string;
  status: number;
  code: string | null;
  request_id: string;
  client_address: string | null;
}

export interface SandboxesTable {
  /** Also its id on the engine. */
  id: string;
  workspace: string;
  name: string;
  display_name: string | null;
  external_id: string | null;
  labels: string;
  spec: string;
  status: string;
  events: string;
  /** Lower-case words that the `q` filter looks through. */
  search_text: string;
  created_at_ms: number;
  updated_at_ms: number;
  created_by: string | null;
  updated_by: string | null;
  /** Coarse; the life in memory knows better while the server runs. */
  last_used_at_ms: number | null;
  errors: string;
  /** Id on the engine of the built image it was created with; `null` for a public one. */
  engine_image_id: string | null;
}

export interface ImagesTable {
  id: string;
  /** The one that owns it. */
  workspace: string;
  resource_type: string;
  /** No workspace has, or may use, two images of one type and name. */
  name: string;
  status: string;
  events: string;
  /** In the workspace that owns it. */
  last_deployed_at_ms: number | null;
  created_by: string | null;
  created_at_ms: number;
  updated_at_ms: number;
}

export interface ImageTagsTable {
  /** Also its id on the engine. */
  id: string;
  image_id: string;
  name: string;
  size_bytes: number;
  created_at_ms: number;
  updated_at_ms: number;
}

export interface ImageSharesTable {
  id: string;
  image_id: string;
  target_workspace: string;
  status: string;
  /** Id of whoever shares it. */
  shared_by: string;
  /** Of one that is pending. */
  expires_at_ms: number | null;
  /** In the target workspace. */
  last_deployed_at_ms: number | null;
  created_at_ms: number;
  updated_at_ms: number;
}

/** Versions nobody can use any more, which the engine may still have. */
export interface ImageRemovalsTable {
  /** Id on the engine. */
  id: string;
}

/** What versions of images bring along. */
interface ImageRuntimesTable {
  /** Of the version. */
  id: string;
  runtime: string;
}

export interface BuildsTable {
  /** Also the id of its image on the engine. */
  id: string;
  workspace: string;
  kind: string;
  /** Each has one build of a kind: the latest. */
  name: string;
  /** `null` for an image alone. */
  sandbox_id: string | null;
  status: string;
  /** What the request says of the sandbox. */
  runtime: string;
  /** SHA-256 in hex of the secret in the address of its upload; `null` once that is used or void. */
  upload_hash: string | null;
  upload_expires_at_ms: number;
  /** `sandbox/name:tag`, once it has that name. */
  image: string | null;
  failure: string | null;
  created_by: string | null;
  created_at_ms: number;
  received_at_ms: number | null;
  ended_at_ms: number | null;
}

export interface VolumesTable {
  /** Also its id on the engine. */
  id: string;
  workspace: string;
  name: string;
  display_name: string | null;
  external_id: string | null;
  labels: string;
  size_mb: number;
  region: string | null;
  status: string;
  /** Id of the sandbox that has it. */
  attached_to: string | null;
  events: string;
  /** Lower-case words that the `q` filter looks through. */
  search_text: string;
  created_at_ms: number;
  updated_at_ms: number;
  /** `name:version` of what it was made of. */
  template: string | null;
}

export interface VolumeTemplatesTable {
  id: string;
  workspace: string;
  name: string;
  display_name: string | null;
  labels: string;
  default_size_mb: number;
  description: string | null;
  /** 1 from the beginning of its deletion. */
  is_deleting: number;
  created_at_ms: number;
  updated_at_ms: number;
}

export interface VolumeTemplateVersionsTable {
  /** Also the id on the engine of the volume that holds its content. */
  id: string;
  template_id: string;
  name: string;
  status: string;
  error: string | null;
  content_bytes: number | null;
  /** SHA-256 in hex of the secret in the address of its upload; `null` once that is used or void. */
  upload_hash: string | null;
  upload_expires_at_ms: number;
  uploaded_at_ms: number | null;
  created_at_ms: number;
}

export interface SchedulesTable {
  /** Unlike `schedule_id` unique in the installation. */
  id: string;
  sandbox_id: string;
  schedule_id: string;
  type: string;
  value: string;
  input: string;
  max_executions: number;
  /** Lower-case words that the `q` filter looks through. */
  search_text: string;
  /** `null` once the last run has begun. */
  next_run_at_ms: number | null;
  created_at_ms: number;
}

export interface ScheduleExecutionsTable {
  id: string;
  sandbox_id: string;
  schedule_id: string;
  /** No two executions of a schedule have the same. */
  due_at_ms: number;
  process_name: string;
  timeout_s: number;
  /** `null` from before the command is sent until the sandbox has answered. */
  status: string | null;
  status_code: number;
  error: string | null;
  search_text: string;
  created_at_ms: number;
  executed_at_ms: number;
}

export interface CustomDomainsTable {
  id: string;
  workspace: string;
  /** Claimed once in a workspace, verified in one workspace only. */
  name: string;
  display_name: string | null;
  labels: string;
  region: string | null;
  status: string;
  /** What the domain's TXT record must hold. */
  challenge: string;
  /** Of a preview that may be gone. */
  fallback_preview_id: string | null;
  /** 1: every workspace of the account may use it. */
  is_account_wide: number;
  last_checked_at_ms: number | null;
  /** Why its status is `failed`. */
  failure: string | null;
  created_at_ms: number;
  updated_at_ms: number;
}

/** Further workspaces that may use a domain. */
export interface CustomDomainSharesTable {
  domain_id: string;
  workspace: string;
}

export interface PreviewsTable {
  /** Also its id in URLs. */
  id: string;
  sandbox_id: string;
  name: string;
  display_name: string | null;
  spec: string;
  created_at_ms: number;
  /** Set for those under a custom domain, together with `hostname`. */
  domain_id: string | null;
  /** Of two previews under a domain no two have the same. */
  hostname: string | null;
}

export interface PreviewTokensTable {
  /** Order of creation: clients take the first token of a session as its token. */
  position: Generated<number>;
  preview_id: string;
  name: string;
  /** Kept readable: clients read it back when they list the tokens of a session. */
  value: string;
  expires_at_ms: number | null;
}
