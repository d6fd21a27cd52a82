/** Points of a character that is found, and what its place adds. */
const HIT = 16;
const AFTER_SLASH = 9;
const WORD_START = 8;
const CAMEL_HUMP = 7;
const CONSECUTIVE = 8;
/** The first character of a query counts its place twice: people begin with the start of a word. */
const FIRST_FACTOR = 2;
const GAP_START = 3;
const GAP_EXTENSION = 1;
const IN_BASE_NAME = 12;
const WHOLE_BASE_NAME = 16;
const NONE = Number.NEGATIVE_INFINITY;
/** Longer ones cost time and say no more. */
const MAX_QUERY_CHARACTERS = 256;

/** Scores paths against one query. */
export type FuzzyScorer = (path: string) => number | null;

/**
 * A scorer for `query`: its words, separated by blanks, must each occur in a path, their characters in order but not side by
 * side, upper and lower case alike. Hits in a row, at starts of words and in the base name count more; null is no match.
 */
export function fuzzyScorer(query: string): FuzzyScorer {
  const words = foldCase(query.slice(0, MAX_QUERY_CHARACTERS))
    .split(/\s+/)
    .filter((word) => word !== "");
  return (path) => {
    const folded = foldCase(path);
    let total = 0;
    for (const word of words) {
      const score = scoreWord(word, path, folded);
      if (score === null) return null;
      total += score;
    }
    return total;
  };
}

/** Lower case, where that keeps the length: indices must mean the same in both. */
function foldCase(text: string): string {
  const folded = text.toLowerCase();
  return folded.length === text.length ? folded : text;
}

function scoreWord(word: string, path: string, folded: string): number | null {
  if (!isSubsequence(word, folded)) return null;
  const best = alignmentScore(word, path, folded);
  const nameAt = folded.lastIndexOf("/") + 1;
  if (word.includes("/")) return best;
  const name = folded.slice(nameAt);
  if (!isSubsequence(word, name)) return best;
  const bonus = IN_BASE_NAME + (name === word ? WHOLE_BASE_NAME : 0);
  // A slash before the name, where there is one, is what makes its first character a start.
  return Math.max(best, alignmentScore(word, path.slice(nameAt), name) + bonus);
}

function isSubsequence(word: string, text: string): boolean {
  let at = 0;
  for (let index = 0; index < word.length; index++) {
    at = text.indexOf(word.charAt(index), at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** The best way to lay the characters of `word` along the text, in time proportional to both lengths. */
function alignmentScore(word: string, text: string, folded: string): number {
  const length = folded.length;
  const places = Array.from({ length }, (_, index) => placeBonus(text, index));
  // By place in the text: the best score with the last character exactly there, and with it anywhere before, gaps paid.
  let hits = new Float64Array(length);
  let gaps = new Float64Array(length);
  for (let row = 0; row < word.length; row++) {
    const nextHits = new Float64Array(length).fill(NONE);
    const nextGaps = new Float64Array(length).fill(NONE);
    for (let at = row; at < length; at++) {
      if (at > 0) {
        nextGaps[at] = Math.max((nextHits[at - 1] ?? NONE) - GAP_START, (nextGaps[at - 1] ?? NONE) - GAP_EXTENSION);
      }
      if (folded.charCodeAt(at) !== word.charCodeAt(row)) continue;
      const place = places[at] ?? 0;
      if (row === 0) nextHits[at] = HIT + place * FIRST_FACTOR;
      else {
        const inARow = (hits[at - 1] ?? NONE) + Math.max(place, CONSECUTIVE);
        nextHits[at] = HIT + Math.max(inARow, (gaps[at - 1] ?? NONE) + place);
      }
    }
    hits = nextHits;
    gaps = nextGaps;
  }
  return hits.reduce((best, score) => Math.max(best, score), NONE);
}

function placeBonus(text: string, index: number): number {
  if (index === 0) return AFTER_SLASH;
  const before = text.charAt(index - 1);
  if (before === "/") return AFTER_SLASH;
  if (!isLetterOrDigit(before)) return WORD_START;
  const isHump = isUpper(text.charAt(index)) && !isUpper(before);
  const isNumber = isDigit(text.charAt(index)) && !isDigit(before);
  return isHump || isNumber ? CAMEL_HUMP : 0;
}

const isDigit = (character: string): boolean => character >= "0" && character <= "9";
const isUpper = (character: string): boolean => character !== character.toLowerCase();
const isLetterOrDigit = (character: string): boolean =>
  isDigit(character) || character.toLowerCase() !== character.toUpperCase();
