import { Best } from "./best.ts";
import { type FuzzyScorer, fuzzyScorer } from "./fuzzy-score.ts";
import { walk, type WalkEntry } from "./walk.ts";

export interface RankedName {
  readonly entry: WalkEntry;
  readonly score: number;
}

/** The entries whose paths match best; of equal ones the shorter path comes first. */
export async function rankNames(
  entries: AsyncIterable<WalkEntry>,
  query: string,
  limit: number,
): Promise<readonly RankedName[]> {
  const score: FuzzyScorer = fuzzyScorer(query);
  const best = new Best<RankedName>(limit, (a, b) => b.score - a.score || a.entry.path.length - b.entry.path.length);
  for await (const entry of entries) {
    const points = score(entry.path);
    if (points !== null) best.add({ entry, score: points });
  }
  return best.take();
}

/** Absolute paths of files whose names match `query` best. @throws {AppError} as `walk` */
export async function searchFileNames(
  root: string,
  query: string,
  options: { readonly limit: number; readonly signal: AbortSignal },
): Promise<string[]> {
  const ranked = await rankNames(filesOf(walk(root, { signal: options.signal })), query, options.limit);
  return ranked.map(({ entry }) => entry.absolutePath);
}

async function* filesOf(entries: AsyncIterable<WalkEntry>): AsyncGenerator<WalkEntry> {
  for await (const entry of entries) if (entry.kind !== "directory") yield entry;
}
