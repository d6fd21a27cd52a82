/** How often each word of a query occurs in something, and how long that is. */
export interface Occurrences {
  /** By the word's place in the query. */
  readonly counts: readonly number[];
  readonly lengthCharacters: number;
}

/** What all things that were looked at have in common, those without any of the words among them. */
export interface Corpus {
  readonly size: number;
  readonly totalCharacters: number;
  /** How many hold each word, by its place in the query. */
  readonly holders: readonly number[];
}

const SATURATION = 1.2;
const LENGTH_WEIGHT = 0.75;

/**
 * A scorer after BM25, brought to 0..1: the square root of the share of the most that the query's words could give. About 0.7
 * says that each of them occurs once in something of usual length. Words that nothing holds do not count.
 */
export function bm25Scorer(corpus: Corpus): (occurrences: Occurrences) => number {
  const weights = corpus.holders.map((count) =>
    count === 0 ? 0 : Math.log(1 + (corpus.size - count + 0.5) / (count + 0.5)),
  );
  const most = weights.reduce((sum, weight) => sum + weight, 0) * (SATURATION + 1);
  const usualCharacters = Math.max(1, corpus.totalCharacters / Math.max(1, corpus.size));
  return ({ counts, lengthCharacters }) => {
    if (most === 0) return 0;
    const length = 1 - LENGTH_WEIGHT + (LENGTH_WEIGHT * lengthCharacters) / usualCharacters;
    const points = counts.map(
      (count, word) => ((weights[word] ?? 0) * count * (SATURATION + 1)) / (count + SATURATION * length),
    );
    return Math.sqrt(points.reduce((sum, point) => sum + point, 0) / most);
  };
}
