import { AppError } from "@dormouse/kernel";
import type { ContentSearchMatch, ContentSearchResponse } from "@dormouse/schema";
import type { FilePath } from "../files/paths.ts";
import type { RequestContext } from "../router.ts";
import { parseGlobs } from "./globs.ts";
import { cutLine, type FileMatches, grep, type GrepMatch, type LinePattern } from "./grep.ts";
import { readBoolean, readContextLines, readExcludedDirectories, readMaxResults } from "./parameters.ts";
import { textBlocks } from "./text-blocks.ts";

const DEFAULT_MAX_RESULTS = 100;
/** Of all lines of an answer, context included; a search ends there. */
const MAX_ANSWER_CHARACTERS = 4 * 1024 * 1024;

/** `GET /filesystem-content-search`: lines that hold the query as it is written, in the order of the walk. */
export async function searchContent(root: FilePath, context: RequestContext): Promise<ContentSearchResponse> {
  const { query: parameters, request } = context;
  const query = parameters.get("query") ?? "";
  if (query === "") throw new AppError("INVALID_ARGUMENT", "query parameter is required");
  const maxResults = readMaxResults(parameters, DEFAULT_MAX_RESULTS);
  const contextLines = readContextLines(parameters);
  const found = grep(root.absolute, {
    pattern: literalPattern(query, readBoolean(parameters, "caseSensitive", false)),
    filter: parseGlobs(parameters.get("filePattern")),
    excludedDirectories: readExcludedDirectories(parameters),
    signal: request.signal,
    maxMatchesPerFile: maxResults,
  });
  const matches: ContentSearchMatch[] = [];
  let characters = 0;
  for await (const file of found) {
    for (const match of await withContext(file, contextLines, request.signal)) {
      characters += match.text.length + (match.context?.length ?? 0);
      if (matches.length < maxResults && characters <= MAX_ANSWER_CHARACTERS) matches.push(match);
    }
    if (matches.length >= maxResults || characters > MAX_ANSWER_CHARACTERS) break;
  }
  return { query, matches, total: matches.length };
}

/** Finds `query` itself. A query with a line end is in no line. */
export function literalPattern(query: string, isCaseSensitive: boolean): LinePattern {
  if (query.includes("\n")) return { find: () => -1 };
  if (isCaseSensitive) return { find: (text, from) => text.indexOf(query, from) };
  const regex = new RegExp(query.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
  const find = (text: string, from: number): number => {
    regex.lastIndex = from;
    return regex.exec(text)?.index ?? -1;
  };
  return { find };
}

/** The hits with the lines around them, the line of the hit among them. */
async function withContext(
  { file, matches }: FileMatches,
  contextLines: number,
  signal: AbortSignal,
): Promise<readonly ContentSearchMatch[]> {
  if (contextLines === 0) return matches;
  const lines = await readLines(file.absolutePath, linesAround(matches, contextLines), signal);
  return matches.map((match) => {
    const around = linesAround([match], contextLines);
    const known = [...around].flatMap((line) => (line === match.line ? match.text : (lines.get(line) ?? [])));
    return { ...match, context: known.join("\n") };
  });
}

function linesAround(matches: readonly GrepMatch[], contextLines: number): Set<number> {
  const lines = new Set<number>();
  for (const { line } of matches) {
    for (let near = Math.max(1, line - contextLines); near <= line + contextLines; near++) lines.add(near);
  }
  return lines;
}

/** The `wanted` lines by their number, as far as an answer could hold them. */
async function readLines(path: string, wanted: ReadonlySet<number>, signal: AbortSignal): Promise<Map<number, string>> {
  const lines = new Map<number, string>();
  let characters = 0;
  for await (const block of textBlocks(path, signal)) {
    for (const [index, text] of block.text.split("\n").entries()) {
      const line = block.line + index;
      if (!wanted.has(line) || lines.has(line)) continue;
      lines.set(line, cutLine(text, 0));
      characters += text.length;
    }
    if (lines.size === wanted.size || characters > MAX_ANSWER_CHARACTERS) break;
  }
  return lines;
}
