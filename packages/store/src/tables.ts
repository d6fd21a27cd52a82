import type { Generated } from "kysely";

/** Every table and column, for every dialect. JSON is kept as text, times as milliseconds since 1970. */
export interface Tables {
  installation: InstallationTable;
  workspaces: WorkspacesTable;
  api_keys: ApiKeysTable;
  sandboxes: SandboxesTable;
  previews: PreviewsTable;
  preview_tokens: PreviewTokensTable;
}

/** Exactly one row. */
interface InstallationTable {
  id: number;
  preview_secret: string;
}

interface WorkspacesTable {
  name: string;
  created_at_ms: number;
}

interface ApiKeysTable {
  id: string;
  workspace: string;
  name: string;
  /** SHA-256 of the key in hex: the key itself is never stored. */
  hash: string;
  created_at_ms: number;
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
}

export interface PreviewsTable {
  /** Also its id in URLs. */
  id: string;
  sandbox_id: string;
  name: string;
  display_name: string | null;
  spec: string;
  created_at_ms: number;
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
