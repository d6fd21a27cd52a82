import { AppError } from "@dormouse/kernel";
import type { FindMatch, FindResponse } from "@dormouse/schema";
import type { FilePath } from "../files/paths.ts";
import type { RequestContext } from "../router.ts";
import { parseGlobs } from "./globs.ts";
import { readBoolean, readExcludedDirectories, readMaxResults } from "./parameters.ts";
import { walk, type WalkEntry } from "./walk.ts";

const DEFAULT_MAX_RESULTS = 20;

/** `GET /filesystem-find`: names of files or of directories, in the order of the walk. A link is a file, whatever it points to. */
export async function find(root: FilePath, { request, query }: RequestContext): Promise<FindResponse> {
  const type = readType(query);
  const maxResults = readMaxResults(query, DEFAULT_MAX_RESULTS);
  const filter = parseGlobs(query.get("patterns"));
  const entries = walk(root.absolute, {
    signal: request.signal,
    excludedDirectories: readExcludedDirectories(query),
    isHiddenSkipped: readBoolean(query, "excludeHidden", true),
  });
  const isWanted = (entry: WalkEntry): boolean => {
    if (type === "directory") return entry.kind === "directory";
    return entry.kind !== "directory" && (filter?.(entry) ?? true);
  };
  const matches: FindMatch[] = type === "directory" ? [{ path: ".", type }] : [];
  for await (const entry of entries) {
    if (matches.length >= maxResults) break;
    if (isWanted(entry)) matches.push({ path: entry.path, type });
  }
  return { matches, total: matches.length };
}

function readType(query: URLSearchParams): FindMatch["type"] {
  const type = query.get("type") || "file";
  if (type === "file" || type === "directory") return type;
  throw new AppError("INVALID_ARGUMENT", `invalid type: ${type}, must be "file" or "directory"`);
}
