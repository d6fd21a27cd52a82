import { AppError } from "@dormouse/kernel";
import type { CodegenProvider, RerankedFile } from "@dormouse/schema";
import { statSync } from "node:fs";
import { rankFiles } from "../search/rank-files.ts";
import type { EditDeps } from "./apply-edit.ts";
import { findProvider } from "./providers.ts";

export interface RerankRequest {
  /** Words or a question. */
  readonly query: string;
  /** Files with a lower score are left out; 0 to 1, 0.5 by default. */
  readonly scoreThreshold?: number | undefined;
  /** Bounds the content of all files together; 30,000 by default. */
  readonly tokenLimit?: number | undefined;
  /** Regular expression on the path or the base name. */
  readonly filePattern?: string | undefined;
}

export interface Reranked {
  readonly files: readonly RerankedFile[];
  readonly message: string;
  readonly provider: CodegenProvider;
}

export const DEFAULT_SCORE_THRESHOLD = 0.5;
export const DEFAULT_TOKEN_LIMIT = 30_000;
/** What a provider is given to choose from: the files that share most words with the query. */
const CANDIDATE_TOKEN_LIMIT = 100_000;
const BYTES_PER_TOKEN = 4;

/**
 * Files below `root` that have to do with the query, best first: ranked by the provider whose key is set, else by the words
 * they share. @throws {AppError} INVALID_ARGUMENT when `root` is no directory, UNPROCESSABLE for a bad pattern or provider
 */
export async function rerank(
  root: string,
  request: RerankRequest,
  { env, signal }: Pick<EditDeps, "env" | "signal">,
): Promise<Reranked> {
  if (!(statSync(root, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot rank the files of "${root}": it is not a directory`);
  }
  const { query, scoreThreshold = DEFAULT_SCORE_THRESHOLD, tokenLimit = DEFAULT_TOKEN_LIMIT, filePattern } = request;
  const pattern = filePattern ? { filePattern: compiled(filePattern) } : {};
  const provider = findProvider(env);
  if (provider === null) {
    const files = await rankFiles(root, { query, scoreThreshold, tokenLimit, signal, ...pattern });
    return { files, message: messageFor(files, "shared words"), provider: "local" };
  }
  const candidates = { query, scoreThreshold: 0, tokenLimit: CANDIDATE_TOKEN_LIMIT, signal, ...pattern };
  const found = await rankFiles(root, candidates);
  if (found.length === 0) return { files: [], message: messageFor([], ""), provider: provider.name };
  const scores = await provider.rank({ query, files: found, tokenLimit }, signal);
  const ranked = found
    .map((file) => ({ ...file, score: scores.get(file.path) ?? -1 }))
    .filter(({ score }) => score >= scoreThreshold)
    .toSorted((left, right) => right.score - left.score);
  const files = withinLimit(ranked, tokenLimit);
  return { files, message: messageFor(files, provider.label), provider: provider.name };
}

function compiled(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError("UNPROCESSABLE", `Cannot use the file pattern "${pattern}": ${reason}`, { cause });
  }
}

function withinLimit(files: readonly RerankedFile[], tokenLimit: number): RerankedFile[] {
  let bytesLeft = tokenLimit * BYTES_PER_TOKEN;
  return files.filter(({ content }) => (bytesLeft -= Buffer.byteLength(content)) >= 0);
}

function messageFor(files: readonly RerankedFile[], means: string): string {
  if (files.length === 0) return "No files found matching criteria";
  return `Found ${files.length} relevant ${files.length === 1 ? "file" : "files"}, ranked by ${means}`;
}
