import { parseGlobs } from "./globs.ts";
import { grep, type GrepMatch } from "./grep.ts";
import { linearRegex } from "./linear-regex.ts";

export type { GrepMatch } from "./grep.ts";

export interface GrepRegexOptions {
  /** In the syntax of RE2, which ripgrep shares. */
  readonly pattern: string;
  readonly isCaseSensitive: boolean;
  /** Comma lists of globs on base names, or on paths where they hold a slash. */
  readonly includePattern?: string;
  readonly excludePattern?: string;
  readonly maxMatches: number;
  readonly signal: AbortSignal;
}

export interface GrepRegexResult {
  readonly matches: readonly GrepMatch[];
  /** True when there may be more: at `maxMatches`, after 20 seconds, or when the signal aborted. */
  readonly isTruncated: boolean;
}

const MAX_DURATION_MS = 20_000;

/**
 * Lines a regular expression matches, files in the order of the walk. No pattern can make it hang: the cost of a character is
 * bounded, and the whole search ends after 20 seconds with what it has found.
 * @throws {AppError} INVALID_ARGUMENT for a bad pattern, with the reason; as `walk` for the root
 */
export async function grepRegex(root: string, options: GrepRegexOptions): Promise<GrepRegexResult> {
  const { maxMatches } = options;
  const pattern = await linearRegex(options.pattern, options.isCaseSensitive);
  const included = parseGlobs(options.includePattern);
  const excluded = parseGlobs(options.excludePattern);
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(MAX_DURATION_MS)]);
  const matches: GrepMatch[] = [];
  const found = grep(root, {
    pattern,
    signal,
    filter: (file) => (included?.(file) ?? true) && !(excluded?.(file) ?? false),
    // One more tells whether there are more.
    maxMatchesPerFile: maxMatches + 1,
  });
  for await (const file of found) {
    matches.push(...file.matches);
    if (matches.length > maxMatches) break;
  }
  return { matches: matches.slice(0, maxMatches), isTruncated: matches.length > maxMatches || signal.aborted };
}
