import { AppError } from "@dormouse/kernel";
import { type Client, createClient } from "@dormouse/sdk";
import {
  type ConfigFile,
  findWorkspace,
  readConfig,
  type StoredCredentials,
  type StoredWorkspace,
} from "./config/config-file.ts";
import { type ProjectSettings, readProjectSettings } from "./config/project-settings.ts";
import { findCredential, type FoundCredential } from "./credentials.ts";
import type { Io } from "./io.ts";
import type { GlobalOptions } from "./options.ts";
import { createMessages, type Messages } from "./output/messages.ts";

export const DEFAULT_API_URL = "http://localhost:4111/v0";

/** What a command that talks to a server works with. */
export interface Context {
  readonly io: Io;
  readonly options: GlobalOptions;
  readonly client: Client;
  readonly workspace: string;
  /** Where the credential comes from, in words. */
  readonly credentialSource: string;
  readonly say: Messages;
}

/** @throws {AppError} UNAUTHENTICATED when nobody is logged in. */
export async function openContext(io: Io, options: GlobalOptions): Promise<Context> {
  const settings = await readSettings(io, options);
  const { workspace, apiUrl, env } = settings;
  if (workspace === undefined) throw loginRequired(io);
  const call = options.verbose === true ? (await import("./trace.ts")).traced(io) : io.fetch;
  const base = { apiUrl, runUrl: env["BL_RUN_URL"], headers: customHeaders(env), fetch: call };
  const anonymous = createClient({ ...base, workspace: "" });
  const found = findCredential(io, { stored: storedFor(settings), workspace, env, anonymous });
  if (found === undefined) throw noCredential(io, workspace, apiUrl);
  return {
    ...contextOf(io, options, found),
    workspace,
    client: createClient({ ...base, workspace, credential: found.credential }),
  };
}

const contextOf = (io: Io, options: GlobalOptions, { source }: FoundCredential) => ({
  io,
  options,
  credentialSource: source,
  say: createMessages(io, options.output),
});

/** Where to go and as who, before anybody has asked. */
export interface Settings {
  readonly config: ConfigFile;
  readonly workspace: string | undefined;
  readonly stored: StoredWorkspace | undefined;
  readonly apiUrl: string;
  /** Environment of the process, then the project's files. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Workspace: option, project, environment, login. Server: environment, project, login. */
export async function readSettings(io: Io, options: GlobalOptions): Promise<Settings> {
  const config = readConfig(io.home);
  const project: ProjectSettings = await readProjectSettings(io.cwd);
  const env = { ...project.env, ...io.env };
  const workspace = firstSet(options.workspace, project.workspace, env["BL_WORKSPACE"], config.context.workspace);
  const stored = workspace === undefined ? undefined : findWorkspace(config, workspace);
  const apiUrl = firstSet(env["BL_API_URL"], stored?.url) ?? DEFAULT_API_URL;
  return { config, workspace, stored, apiUrl: apiUrl.replace(/\/+$/, ""), env };
}

const firstSet = (...values: readonly (string | null | undefined)[]): string | undefined =>
  values.find((value): value is string => value !== undefined && value !== null && value !== "");

/** Stored credentials are for the server of their login and go to no other. */
function storedFor({ stored, apiUrl }: Settings): StoredCredentials | undefined {
  if (stored?.url !== undefined && stored.url !== apiUrl) return undefined;
  return stored?.credentials ?? undefined;
}

/** `Name: value` lines of BLAXEL_CUSTOM_HEADERS. */
function customHeaders({ BLAXEL_CUSTOM_HEADERS: lines = "" }: Settings["env"]): Record<string, string> {
  const pairs = lines.split("\n").map((line) => line.split(/:\s*(.*)/s));
  return Object.fromEntries(
    pairs.filter(([name]) => name?.trim()).map(([name = "", value = ""]) => [name.trim(), value.trim()]),
  );
}

const loginRequired = ({ program }: Io): AppError =>
  new AppError("UNAUTHENTICATED", "Login required: no workspace is chosen", {
    hint:
      program === "dormouse"
        ? "Please run 'dormouse login' first, or, beside your server, eval \"$(dormouse env)\""
        : `Please run '${program} login' first, or set BL_WORKSPACE and BL_API_KEY`,
  });

const noCredential = ({ program }: Io, workspace: string, apiUrl: string): AppError =>
  new AppError("UNAUTHENTICATED", `Invalid credentials for workspace '${workspace}': there are none for ${apiUrl}`, {
    hint: `Please run '${program} login ${workspace}', or set BL_API_KEY`,
  });
