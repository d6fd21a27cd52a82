import { AppError } from "@dormouse/kernel";
import type { FuzzySearchResponse } from "@dormouse/schema";
import { stat } from "node:fs/promises";
import { basename, dirname, relative } from "node:path";
import type { FilePath } from "../files/paths.ts";
import type { RequestContext } from "../router.ts";
import { type FileFilter, parseGlobs } from "./globs.ts";
import { readBoolean, readExcludedDirectories, readMaxResults } from "./parameters.ts";
import { rankNames } from "./rank-names.ts";
import { walk, type WalkEntry } from "./walk.ts";

const DEFAULT_MAX_RESULTS = 20;

interface Search {
  readonly directory: string;
  readonly query: string;
}

/** `GET /filesystem-search`: files and directories whose paths match the query best. With `patterns`, files only. */
export async function searchNames(root: FilePath, context: RequestContext): Promise<FuzzySearchResponse> {
  const { query: parameters, request } = context;
  const maxResults = readMaxResults(parameters, DEFAULT_MAX_RESULTS);
  const { directory, query } = await readSearch(root, context);
  const entries = walk(directory, {
    signal: request.signal,
    excludedDirectories: readExcludedDirectories(parameters),
    isHiddenSkipped: readBoolean(parameters, "excludeHidden", true),
  });
  const ranked = await rankNames(filtered(entries, parseGlobs(parameters.get("patterns"))), query, maxResults);
  const matches = ranked.map(({ entry, score }) => {
    return { path: entry.path, score, type: entry.kind === "directory" ? ("directory" as const) : ("file" as const) };
  });
  return { matches, total: matches.length };
}

/**
 * Clients that send no `query` mean the path to be one: what of it exists is searched, for the rest of it, or for its last name
 * when all of it exists. @throws {AppError} INVALID_ARGUMENT when there is no path either
 */
async function readSearch({ absolute }: FilePath, context: RequestContext): Promise<Search> {
  const { query, wildcard, hasEncodedSlash } = context;
  const given = query.get("query") ?? "";
  if (given.trim() !== "") return { directory: absolute, query: given };
  const hasPath = hasEncodedSlash || wildcard.length > 1;
  if (!hasPath) throw new AppError("INVALID_ARGUMENT", "query parameter is required");
  let directory = absolute;
  while (directory !== "/" && !(await isDirectory(directory))) directory = dirname(directory);
  return { directory, query: relative(directory, absolute) || basename(absolute) || "/" };
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

async function* filtered(entries: AsyncIterable<WalkEntry>, filter: FileFilter | null): AsyncGenerator<WalkEntry> {
  for await (const entry of entries) {
    if (filter === null || (entry.kind !== "directory" && filter(entry))) yield entry;
  }
}
