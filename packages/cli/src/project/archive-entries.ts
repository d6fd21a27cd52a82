import { existsSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { PROJECT_FILE } from "./blaxel-toml.ts";
import { readIgnoreRules } from "./ignore.ts";
import type { Project } from "./load-project.ts";
import { type ArchiveEntry, type ContentEntry, type FileEntry, listProjectFiles } from "./project-files.ts";

const BUILD_ENV_FILE = ".env.build";
const DOCKER_CONFIG_FILE = ".docker/config.json";
/** A regular file that only its owner may read. */
const SECRET_FILE_MODE = 0o100600;

export interface ArchivePlan {
  readonly entries: readonly ArchiveEntry[];
  /** What was left out and may be missed. */
  readonly warnings: readonly string[];
}

/** What the archive of a project holds. */
export const planArchive = (project: Project): ArchivePlan =>
  project.type === "sandbox" ? planSource(project) : planVolume(project);

/**
 * The source of an image: everything below the current folder, the `blaxel.toml` and `Dockerfile` of the project's own folder at
 * its top, and what only the build may know.
 */
function planSource(project: Project): ArchivePlan {
  const rules = readIgnoreRules(project.root);
  const { entries, skippedLinks } = listProjectFiles(project.root, rules);
  const own =
    project.directory === project.root ? [] : [PROJECT_FILE, "Dockerfile"].flatMap((name) => fileOf(project, name));
  const replaced = new Set(own.map(({ name }) => name));
  return {
    entries: [...entries.filter(({ name }) => !replaced.has(name)), ...own, ...buildContent(project)],
    warnings: [...rules.warnings, ...skippedLinks.map(linkWarning)],
  };
}

/** The folder that volumes begin with; the project's own file is no part of it. */
function planVolume({ directory, file }: Project): ArchivePlan {
  const folder = join(directory, file.directory ?? ".");
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new AppError("FILE_NOT_FOUND", `Cannot pack "${file.directory}": there is no such folder`, {
      hint: `Create it, or change "directory" in ${PROJECT_FILE}`,
    });
  }
  const { entries, skippedLinks } = listProjectFiles(folder, { isIgnored: (name) => name === PROJECT_FILE });
  return { entries, warnings: skippedLinks.map(linkWarning) };
}

function fileOf({ directory }: Project, name: string): FileEntry[] {
  const path = join(directory, name);
  return existsSync(path) ? [{ kind: "file", name, path: realpathSync(path), sizeBytes: statSync(path).size }] : [];
}

function buildContent({ buildArgs, dockerConfig }: Project): ContentEntry[] {
  const lines = Object.entries(buildArgs).map(([name, value]) => `${name}=${oneLine(name, value)}\n`);
  const content = { [BUILD_ENV_FILE]: lines.join(""), [DOCKER_CONFIG_FILE]: dockerConfig ?? "" };
  return Object.entries(content)
    .filter(([, text]) => text !== "")
    .map(([name, text]) => ({ kind: "content", name, content: Buffer.from(text), mode: SECRET_FILE_MODE }));
}

function oneLine(name: string, value: string): string {
  if (!value.includes("\n")) return value;
  throw new AppError("INVALID_ARGUMENT", `Cannot send the build argument ${name}: its value has several lines`);
}

const linkWarning = (name: string): string => `"${name}" is left out: the link leads out of the project or nowhere`;
