import { Best } from "./best.ts";
import { bm25Scorer, type Corpus, type Occurrences } from "./bm25.ts";
import type { FileFilter } from "./globs.ts";
import { readableFiles } from "./grep.ts";
import { inOrder } from "./in-order.ts";
import { textBlocks } from "./text-blocks.ts";
import { TimeSlice } from "./time-slice.ts";
import { walk, type WalkEntry } from "./walk.ts";
import { queryWords, wordsOf } from "./words.ts";

/** Part of a file that holds at least one word of the query. */
export interface Passage extends Occurrences {
  readonly file: WalkEntry;
  readonly startLine: number;
  readonly endLine: number;
}

export interface RankedPassage {
  readonly passage: Passage;
  /** 0..1 */
  readonly score: number;
}

export interface PassageOptions {
  readonly query: string;
  readonly filter: FileFilter | null;
  /** `Infinity` makes each file one passage. */
  readonly linesPerPassage: number;
  readonly limit: number;
  readonly signal: AbortSignal;
}

interface Passages {
  readonly passages: readonly Passage[];
  readonly corpus: Corpus;
}

const FILES_AT_ONCE = 4;
/** Larger ones are data or generated. */
const MAX_FILE_CHARACTERS = 512 * 1024;
const CHARACTERS_AT_ONCE = 32 * 1024;
const MAX_PASSAGES = 50_000;
const MAX_DURATION_MS = 10_000;
/** A word of the path counts as often as this many in the text. */
const PATH_WEIGHT = 2;

interface Query {
  readonly words: ReadonlyMap<string, number>;
  readonly linesPerPassage: number;
}

interface FilePassages {
  readonly passages: readonly Passage[];
  readonly passageCount: number;
  readonly characters: number;
}

const NOTHING: FilePassages = { passages: [], passageCount: 0, characters: 0 };

/**
 * The passages of all text files below the roots, up to 512 Ki characters each, that share most words with the query, best first.
 * After 10 seconds, at 50,000 passages or when the signal aborts it ranks what it has. @throws {AppError} as `walk`
 */
export async function rankPassages(
  roots: readonly string[],
  options: PassageOptions,
): Promise<readonly RankedPassage[]> {
  const { passages, corpus } = await findPassages(roots, options);
  const score = bm25Scorer(corpus);
  const best = new Best<RankedPassage>(options.limit, (a, b) => b.score - a.score);
  const slice = new TimeSlice();
  for (const passage of passages) {
    best.add({ passage, score: score(passage) });
    if (slice.isOver) await slice.next();
  }
  return best.take();
}

async function findPassages(roots: readonly string[], options: PassageOptions): Promise<Passages> {
  const words = new Map(queryWords(options.query).map((word, index) => [word, index]));
  const query: Query = { words, linesPerPassage: options.linesPerPassage };
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(MAX_DURATION_MS)]);
  const passages: Passage[] = [];
  let size = 0;
  let totalCharacters = 0;
  const slice = new TimeSlice();
  for await (const found of inOrder(filesBelow(roots, options.filter, signal), FILES_AT_ONCE, (file) =>
    readPassages(file, query, signal),
  )) {
    size += found.passageCount;
    totalCharacters += found.characters;
    passages.push(...found.passages);
    if (slice.isOver) await slice.next();
    if (passages.length >= MAX_PASSAGES) break;
  }
  const holders = Array.from(words.values(), (word) => passages.filter(({ counts }) => counts[word] !== 0).length);
  return { passages, corpus: { size, totalCharacters, holders } };
}

async function* filesBelow(
  roots: readonly string[],
  filter: FileFilter | null,
  signal: AbortSignal,
): AsyncGenerator<WalkEntry> {
  for (const root of roots) yield* readableFiles(walk(root, { signal }), filter);
}

async function readPassages(file: WalkEntry, query: Query, signal: AbortSignal): Promise<FilePassages> {
  const text = await readText(file.absolutePath, signal);
  if (text === null) return NOTHING;
  const lines = text.split("\n");
  const passageCount = Math.max(1, Math.ceil(lines.length / query.linesPerPassage));
  const fromPath = countWords(file.path, query.words);
  const folded = text.toLowerCase();
  const isCandidate =
    fromPath.some((count) => count > 0) || [...query.words.keys()].some((word) => folded.includes(word));
  if (!isCandidate) return { passages: [], passageCount, characters: text.length };
  const passages: Passage[] = [];
  for (let index = 0; index < passageCount; index++) {
    const start = index === 0 ? 0 : index * query.linesPerPassage;
    const part = lines.slice(start, start + query.linesPerPassage);
    const body = part.join("\n");
    const inText = await countWordsInTurns(body, query.words);
    const counts = inText.map((count, word) => count + PATH_WEIGHT * (fromPath[word] ?? 0));
    if (counts.every((count) => count === 0)) continue;
    passages.push({ file, startLine: start + 1, endLine: start + part.length, counts, lengthCharacters: body.length });
  }
  return { passages, passageCount, characters: text.length };
}

/** Null for what is no text or too long. */
async function readText(path: string, signal: AbortSignal): Promise<string | null> {
  const parts: string[] = [];
  let characters = 0;
  for await (const { text, columnBytes } of textBlocks(path, signal)) {
    parts.push(columnBytes > 0 || parts.length === 0 ? text : `\n${text}`);
    characters += text.length;
    if (characters > MAX_FILE_CHARACTERS) return null;
  }
  return parts.length === 0 ? null : parts.join("");
}

/** Long texts in pieces; a word on the border of two may be missed. */
async function countWordsInTurns(text: string, words: ReadonlyMap<string, number>): Promise<number[]> {
  if (text.length <= CHARACTERS_AT_ONCE) return countWords(text, words);
  const slice = new TimeSlice();
  let counts = countWords("", words);
  for (let start = 0; start < text.length; start += CHARACTERS_AT_ONCE) {
    const more = countWords(text.slice(start, start + CHARACTERS_AT_ONCE), words);
    counts = counts.map((count, word) => count + (more[word] ?? 0));
    if (slice.isOver) await slice.next();
  }
  return counts;
}

function countWords(text: string, words: ReadonlyMap<string, number>): number[] {
  const counts = Array.from(words, () => 0);
  for (const word of wordsOf(text)) {
    const index = words.get(word);
    if (index !== undefined) counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}
