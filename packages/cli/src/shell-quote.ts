const PLAIN = /^[\w@%+=:,./-]+$/;

/** One command line for a POSIX shell that gives exactly these arguments. */
export const quoteCommand = (words: readonly string[]): string => words.map(quoteWord).join(" ");

const quoteWord = (word: string): string => (PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
