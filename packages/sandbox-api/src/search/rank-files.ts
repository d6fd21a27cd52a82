import { rankPassages } from "./passages.ts";

export interface RankFilesOptions {
  /** Words or a question. */
  readonly query: string;
  /** Held against the path relative to the root and against the base name. */
  readonly filePattern?: RegExp;
  /** 0..1; files below it are left out. */
  readonly scoreThreshold: number;
  /** Bounds the content of all files together, at four bytes a token. */
  readonly tokenLimit: number;
  readonly signal: AbortSignal;
}

/** `path` is relative to the root, `score` is 0..1. */
export interface RankedFile {
  readonly path: string;
  readonly content: string;
  readonly score: number;
}

const BYTES_PER_TOKEN = 4;
const MAX_FILES = 1000;

/**
 * Files that share most words with the query, best first. The one that reaches the limit of tokens is cut at the end of a line
 * and is the last. @throws {AppError} as `walk`
 */
export async function rankFiles(root: string, options: RankFilesOptions): Promise<RankedFile[]> {
  const { query, filePattern, scoreThreshold, tokenLimit, signal } = options;
  const filter = filePattern === undefined ? null : matcher(filePattern);
  const ranked = await rankPassages([root], { query, filter, linesPerPassage: Infinity, limit: MAX_FILES, signal });
  const files: RankedFile[] = [];
  let bytesLeft = tokenLimit * BYTES_PER_TOKEN;
  for (const { passage, score } of ranked) {
    if (score < scoreThreshold || bytesLeft <= 0) break;
    const { content, isCut } = await readUpTo(passage.file.absolutePath, bytesLeft);
    if (content !== "") files.push({ path: passage.file.path, content, score });
    bytesLeft = isCut ? 0 : bytesLeft - Buffer.byteLength(content);
  }
  return files;
}

function matcher(pattern: RegExp): (file: { readonly path: string; readonly name: string }) => boolean {
  // A global pattern would go on from where it last matched.
  const regex = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  return ({ path, name }) => regex.test(path) || regex.test(name);
}

/** The whole file, or what its lines of the first `maxBytes` are; nothing when it has vanished. */
async function readUpTo(path: string, maxBytes: number): Promise<{ content: string; isCut: boolean }> {
  const file = Bun.file(path);
  const text = await file
    .slice(0, maxBytes)
    .text()
    .catch(() => "");
  const isCut = file.size > maxBytes;
  return { content: isCut ? text.slice(0, text.lastIndexOf("\n") + 1) : text, isCut };
}
