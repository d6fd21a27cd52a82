import { realpath } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { type Passage, rankPassages } from "./passages.ts";
import { textBlocks } from "./text-blocks.ts";

export interface RankSnippetsOptions {
  /** Words or a question. */
  readonly query: string;
  /** Relative to the root; default: the root. */
  readonly directories?: readonly string[];
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** Lines of a file, from 1, both included. `path` is relative to the root, `score` is 0..1. */
export interface RankedSnippet {
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly content: string;
  readonly score: number;
}

const LINES_PER_SNIPPET = 40;
/** A snippet of a minified file would be all of it. */
const MAX_SNIPPET_CHARACTERS = 8000;

/** Parts of files that share most words with the query, best first; meanings and synonyms are unknown to it. @throws {AppError} as `walk` */
export async function rankSnippets(root: string, options: RankSnippetsOptions): Promise<RankedSnippet[]> {
  const { query, directories = ["."], limit, signal } = options;
  const roots = outermost(directories.map((directory) => resolve(root, directory)));
  const ranked = await rankPassages(roots, { query, filter: null, linesPerPassage: LINES_PER_SNIPPET, limit, signal });
  const rootPath = await realpath(root);
  const snippets = ranked.map(async ({ passage, score }) => {
    const { file, startLine, endLine } = passage;
    const content = await readLines(passage, signal);
    return { path: relative(rootPath, file.absolutePath), startLine, endLine, content, score };
  });
  return Promise.all(snippets);
}

/** Directories that lie in none of the others. */
function outermost(directories: readonly string[]): string[] {
  return [...new Set(directories)].filter(
    (directory, _, all) =>
      !all.some((other) => other !== directory && directory.startsWith(other === "/" ? "/" : `${other}/`)),
  );
}

async function readLines({ file, startLine, endLine }: Passage, signal: AbortSignal): Promise<string> {
  const lines: string[] = [];
  for await (const block of textBlocks(file.absolutePath, signal)) {
    const wanted = block.text.split("\n").slice(Math.max(0, startLine - block.line), endLine - block.line + 1);
    lines.push(...wanted);
    if (lines.length > endLine - startLine) break;
  }
  return lines.join("\n").slice(0, MAX_SNIPPET_CHARACTERS);
}
