import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError, randomId } from "@dormouse/kernel";
import { parse, stringify } from "yaml";
import { z } from "zod";

/** One of the ways to prove who one is; the names are those of Blaxel's command line and SDK. */
export const StoredCredentials = z.looseObject({
  apiKey: z.string().optional(),
  access_token: z.string().optional(),
  refresh_token: z.string().optional(),
  /** Seconds. */
  expires_in: z.number().optional(),
  device_code: z.string().optional(),
  /** `clientId:clientSecret` in base64. */
  client_credentials: z.string().optional(),
  /** The same under the name that the TypeScript SDK reads. */
  clientCredentials: z.string().optional(),
});
export type StoredCredentials = z.infer<typeof StoredCredentials>;

const StoredWorkspace = z.looseObject({
  name: z.string(),
  id: z.string().optional(),
  credentials: StoredCredentials.nullish(),
  env: z.string().optional(),
  /** Ours: the control plane that the credentials are for. Others skip it. */
  url: z.string().optional(),
});
export type StoredWorkspace = z.infer<typeof StoredWorkspace>;

/** `~/.blaxel/config.yaml`. What is not known here is kept. */
const ConfigFile = z.looseObject({
  context: z
    .looseObject({ workspace: z.string().nullish() })
    .nullish()
    .transform((context) => context ?? {}),
  workspaces: z
    .array(StoredWorkspace)
    .nullish()
    .transform((workspaces) => workspaces ?? []),
  tracking: z.boolean().optional(),
});
export type ConfigFile = z.infer<typeof ConfigFile>;

export const configPath = (home: string): string => join(home, ".blaxel", "config.yaml");

/** Empty when nobody has logged in yet. @throws {AppError} INVALID_ARGUMENT for a file that cannot be understood. */
export function readConfig(home: string): ConfigFile {
  const file = configPath(home);
  try {
    return ConfigFile.parse(parse(readFileSync(file, "utf8")) ?? {});
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return ConfigFile.parse({});
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new AppError("INVALID_ARGUMENT", `Cannot read "${file}": ${reason}`, {
      hint: "Mend the file, or remove it and log in again",
      cause,
    });
  }
}

/** Whole or not at all, and readable by its owner only. */
export function writeConfig(home: string, config: ConfigFile): void {
  const file = configPath(home);
  mkdirSync(join(home, ".blaxel"), { recursive: true, mode: 0o755 });
  const draft = `${file}.${randomId(8)}`;
  writeFileSync(draft, stringify(config), { mode: 0o600, flag: "wx" });
  renameSync(draft, file);
}

export const findWorkspace = (config: ConfigFile, name: string): StoredWorkspace | undefined =>
  config.workspaces.find((workspace) => workspace.name === name);

/** With this workspace in the place of the one with the same name, or added, and current. */
export const withWorkspace = (config: ConfigFile, workspace: StoredWorkspace): ConfigFile => ({
  ...config,
  context: { ...config.context, workspace: workspace.name },
  workspaces: [...config.workspaces.filter(({ name }) => name !== workspace.name), workspace],
});

/** Without this workspace, which is then no longer current. */
export function withoutWorkspace(config: ConfigFile, name: string): ConfigFile {
  const { workspace: current, ...context } = config.context;
  return {
    ...config,
    context: current === name ? { ...context, workspace: "" } : config.context,
    workspaces: config.workspaces.filter((workspace) => workspace.name !== name),
  };
}
