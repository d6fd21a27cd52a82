import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { interpolate, interpolateWhole, type Interpolated, type Variables } from "./interpolate.ts";

export const PROJECT_FILE = "blaxel.toml";

export const PROJECT_FILE_SAMPLE = `name = "my-sandbox"
type = "sandbox"

[runtime]
memory = 4096

[[runtime.ports]]
name = "dev-server"
target = 3000
protocol = "tcp"

[env]
NODE_ENV = "development"

[build.args]
NODE_VERSION = "22"

[[volumes]]
name = "data"
mountPath = "/data"`;

const Text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const Texts = z.record(z.string(), Text);
const MegaBytes = z.number().int().positive();

const Port = z.object({
  name: z.string().optional(),
  target: z.number().int().min(1).max(65_535),
  protocol: z.string().optional(),
});

const Volume = z.object({
  name: z.string().optional(),
  mountPath: z.string(),
  readOnly: z.boolean().optional(),
  type: z.string().optional(),
  sizeMb: MegaBytes.optional(),
});

/** What we read of the file; other keys are other programs'. */
const ProjectFile = z.object({
  type: z.string().optional(),
  name: z.string().optional(),
  description: z.string().optional(),
  workspace: z.string().optional(),
  image: z.string().optional(),
  region: z.string().optional(),
  directory: z.string().optional(),
  defaultSize: MegaBytes.optional(),
  env: Texts.prefault({}),
  build: z.object({ args: Texts.prefault({}) }).prefault({}),
  runtime: z
    .object({
      memory: MegaBytes.optional(),
      generation: z.string().optional(),
      storageMb: MegaBytes.optional(),
      ports: z.array(Port).optional(),
    })
    .prefault({}),
  volumes: z.array(Volume).optional(),
});
export type ProjectFile = z.infer<typeof ProjectFile>;

export interface ReadProject {
  readonly project: ProjectFile;
  /** False when there is none, and `project` is empty. */
  readonly isThere: boolean;
  /** Names of variables it asks for and nobody has set. */
  readonly unresolved: readonly string[];
}

const INTERPOLATED = ["name", "workspace", "type", "region", "directory", "image"] as const;

/** Reads `blaxel.toml` in `directory`. @throws {AppError} INVALID_ARGUMENT with the place of what is wrong */
export function readProjectFile(directory: string, variables: Variables): ReadProject {
  const path = join(directory, PROJECT_FILE);
  const isThere = existsSync(path);
  return { isThere, ...parseProjectFile(isThere ? readFileSync(path, "utf8") : "", variables) };
}

export function parseProjectFile(text: string, variables: Variables): Omit<ReadProject, "isThere"> {
  const parsed = ProjectFile.safeParse(parseToml(text));
  if (!parsed.success) throw refuse(z.prettifyError(parsed.error));
  const unresolved = new Set<string>();
  const take = ({ text, unresolved: missing }: Interpolated): string => {
    for (const { name } of missing) unresolved.add(name);
    return text;
  };
  const fields = INTERPOLATED.flatMap((key) => {
    const value = parsed.data[key];
    return value === undefined ? [] : [[key, take(interpolate(value, variables))] as const];
  });
  const env = Object.entries(parsed.data.env).map(
    ([name, value]) => [name, take(interpolateWhole(value, variables))] as const,
  );
  const project = { ...parsed.data, ...Object.fromEntries(fields), env: Object.fromEntries(env) };
  return { project, unresolved: [...unresolved] };
}

function parseToml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ""] = error.message.split("\n");
    throw refuse(`line ${error.line}, column ${error.column}: ${lowerFirst(reason)}\n\n${error.codeblock.trimEnd()}`);
  }
}

const refuse = (state: string): AppError =>
  new AppError("INVALID_ARGUMENT", `Cannot read ${PROJECT_FILE}: ${state}`, {
    hint: `Correct it; a whole one looks like this:\n\n${PROJECT_FILE_SAMPLE}`,
  });

const lowerFirst = (text: string): string =>
  text.replace(/^Invalid TOML document: /, "").replace(/^./, (c) => c.toLowerCase());
