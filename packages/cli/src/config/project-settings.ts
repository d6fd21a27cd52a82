import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

/** What the files of the current folder set. */
export interface ProjectSettings {
  readonly workspace: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** `.env` and, below it, the `[env]` of `blaxel.toml`. A file that cannot be understood is left to the command that needs it. */
export async function readProjectSettings(cwd: string): Promise<ProjectSettings> {
  const { workspace, env } = await readToml(join(cwd, "blaxel.toml"));
  return { workspace, env: { ...env, ...readDotEnv(join(cwd, ".env")) } };
}

function readDotEnv(file: string): Record<string, string> {
  if (!existsSync(file)) return {};
  return parseEnv(readFileSync(file, "utf8")) as Record<string, string>;
}

async function readToml(file: string): Promise<ProjectSettings> {
  if (!existsSync(file)) return { workspace: undefined, env: {} };
  const { parse } = await import("smol-toml");
  try {
    const { workspace, env } = parse(readFileSync(file, "utf8"));
    return { workspace: typeof workspace === "string" ? workspace : undefined, env: textsOf(env) };
  } catch {
    return { workspace: undefined, env: {} };
  }
}

function textsOf(table: unknown): Record<string, string> {
  if (typeof table !== "object" || table === null) return {};
  return Object.fromEntries(
    Object.entries(table).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
