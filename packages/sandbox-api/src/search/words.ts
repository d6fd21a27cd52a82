/** Words of questions that say nothing about code. */
const STOP_WORDS = new Set(
  `a about all an and any are as at be by can code could do does file files find for from get give has have how i if in into
   is it its me my of on or our please search should show so that the their them then there these they this to us use used
   uses using was we what when where which who why will with you your`.split(/\s+/),
);
const WORD = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|\p{L}+/gu;
const MIN_STEM = 3;

/**
 * The words of code or prose, reduced to their stems: `parseHTTPRequests` and `parse_http_request` give the same three. Only
 * ASCII humps split.
 */
export function wordsOf(text: string): string[] {
  return (text.match(WORD) ?? []).map((word) => stem(word.toLowerCase()));
}

/** The distinct words of a question that are worth looking for; all of them when none seems to be. */
export function queryWords(query: string): string[] {
  const words = query.match(WORD) ?? [];
  const telling = words.filter((word) => word.length > 1 && !STOP_WORDS.has(word.toLowerCase()));
  return [...new Set(wordsOf((telling.length > 0 ? telling : words).join(" ")))];
}

/** A crude one, for English: always a prefix of the word. */
function stem(word: string): string {
  const cut = word.replace(/(?:ings?|ed|e?s|e)$/, "");
  return cut.length >= MIN_STEM ? cut : word;
}
