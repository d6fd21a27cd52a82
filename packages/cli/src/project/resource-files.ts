import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { AppError } from "@dormouse/kernel";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { configPath } from "../config/config-file.ts";
import type { Context } from "../context.ts";
import { askSecret, isInteractive } from "../prompts.ts";
import { interpolate, type Variables } from "./interpolate.ts";

/** One document of a file of resources. Everything else in it is the server's to judge. */
export const ResourceDocument = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string().optional(),
    /** The sandbox of a preview or of its token. */
    resourceName: z.string().optional(),
    /** The preview of a token. */
    previewName: z.string().optional(),
  }),
});
export type ResourceDocument = z.infer<typeof ResourceDocument>;

export interface ResourceFiles {
  /** A file, a folder, or `-` for standard input. */
  readonly filename: string;
  readonly isRecursive: boolean;
  readonly variables: Variables;
}

/** The documents of files in the order of their names, variables filled in. @throws {AppError} for what cannot be read or understood */
export async function readResources(context: Context, files: ResourceFiles): Promise<ResourceDocument[]> {
  const sources = await readSources(context, files);
  const documents: ResourceDocument[] = [];
  for (const { name, text } of sources) {
    documents.push(...parseDocuments(await fillIn(context, text, files.variables), name));
  }
  return documents;
}

interface Source {
  readonly name: string;
  readonly text: string;
}

async function readSources({ io }: Context, { filename, isRecursive }: ResourceFiles): Promise<Source[]> {
  if (filename === "-") return [{ name: "standard input", text: await readAll(io.stdin) }];
  const path = resolve(io.cwd, filename);
  const paths = statOf(path, filename).isDirectory() ? yamlFilesIn(path, isRecursive) : [path];
  /* The logins lie in a folder of the same name, where the project is the home folder. */
  const resources = paths.filter((file) => file !== configPath(io.home));
  return resources.map((file) => ({ name: file, text: readFileSync(file, "utf8") }));
}

function statOf(path: string, filename: string): ReturnType<typeof statSync> & object {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined) return stats;
  throw new AppError("FILE_NOT_FOUND", `Cannot read "${filename}": there is no such file or folder`);
}

function yamlFilesIn(folder: string, isRecursive: boolean): string[] {
  return readdirSync(folder, { recursive: isRecursive, encoding: "utf8" })
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile());
}

/** Asks for secrets that are not set where somebody can answer; other names stay as they are. */
async function fillIn(context: Context, source: string, { env, secrets }: Variables): Promise<string> {
  const known = { ...secrets };
  const missing = new Set(
    interpolate(source, { env, secrets })
      .unresolved.filter((it) => it.isSecret)
      .map((it) => it.name),
  );
  for (const name of missing) known[name] = await secretValue(context, name);
  return interpolate(source, { env, secrets: known }).text;
}

/** @throws {AppError} INVALID_ARGUMENT where nobody can be asked */
async function secretValue({ io }: Context, name: string): Promise<string> {
  if (isInteractive(io)) return await askSecret(io, `Value of the secret ${name}:`);
  throw new AppError("INVALID_ARGUMENT", `Cannot fill in $secrets.${name}: it is not set`, {
    hint: `Give it with -s ${name}=value, in an environment variable or in .env`,
  });
}

function parseDocuments(text: string, name: string): ResourceDocument[] {
  return parseAllDocuments(text)
    .filter((document) => document.contents !== null)
    .map((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw new AppError("INVALID_ARGUMENT", `Cannot read ${name}: ${error.message}`);
      const parsed = ResourceDocument.safeParse(document.toJS());
      if (parsed.success) return parsed.data;
      throw new AppError("INVALID_ARGUMENT", `Cannot read ${name}: ${z.prettifyError(parsed.error)}`, {
        hint: "Each document has a kind, and metadata with a name",
      });
    });
}
