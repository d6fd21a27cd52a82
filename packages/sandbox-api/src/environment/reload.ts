import { AppError } from "@dormouse/kernel";
import { readFile } from "node:fs/promises";
import { hasErrorCode, systemErrorText } from "../http.ts";
import { isVariable, type Environment, type EnvironmentDocument } from "./environment.ts";

/** Longest document that is read: the kernel takes no environment near it. */
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
const PLATFORM_PREFIX = "DORMOUSE_";

/** Reads the platform's document again and applies it. @throws {AppError} FILE_NOT_FOUND without one, INTERNAL when it is none. */
export async function reloadEnvironment(environment: Environment, path: string) {
  return environment.apply(parseDocument(await readDocument(path), path));
}

async function readDocument(path: string): Promise<string> {
  try {
    if (Bun.file(path).size > MAX_DOCUMENT_BYTES) throw new RangeError("it is too large");
    return await readFile(path, "utf8");
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT")) {
      throw new AppError("FILE_NOT_FOUND", `Cannot reload the environment: there is no "${path}"`);
    }
    throw unusable(path, systemErrorText(cause));
  }
}

function parseDocument(text: string, path: string): EnvironmentDocument {
  const { generation, environment } = parseObject(text, path);
  if (typeof environment !== "object" || environment === null || Array.isArray(environment)) {
    throw unusable(path, '"environment" is not an object');
  }
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (typeof value !== "string") throw unusable(path, `the value of "${name}" is not a string`);
    if (isVariable(name, value) && !name.startsWith(PLATFORM_PREFIX)) variables[name] = value;
  }
  return { generation: typeof generation === "number" ? generation : 0, variables };
}

function parseObject(text: string, path: string): { readonly generation?: unknown; readonly environment?: unknown } {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // Same answer as for JSON that is no object.
  }
  throw unusable(path, "it is not a JSON object");
}

const unusable = (path: string, reason: string) =>
  new AppError("INTERNAL", `Cannot reload the environment from "${path}": ${reason}`);
