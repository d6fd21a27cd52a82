import { sql } from "kysely";

/** Condition for the rows that contain `words` somewhere in their `search_text`. */
export function matchesWords(words: string) {
  const pattern = `%${words.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return sql<boolean>`search_text like ${pattern} escape '\\'`;
}
