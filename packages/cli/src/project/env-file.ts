import { existsSync, readFileSync } from "node:fs";
import { AppError } from "@dormouse/kernel";

/** Nothing, or a comment. */
const BLANK = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;
/** `NAME=value`: in double quotes with escapes, in single quotes, or bare to the end of the line. */
const ENTRY =
  /[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*(?:(?:"((?:[^"\\]|\\[^])*)"|'([^']*)')[ \t]*(?:#[^\n]*)?|([^\n]*))(?:\n|$)/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/**
 * The variables of an `.env` file, in its order; a later one of the same name wins.
 * @throws {AppError} INVALID_ARGUMENT with the number of a line that is no `NAME=value`
 */
export function parseEnvFile(source: string, fileName: string): Record<string, string> {
  const text = source.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const variables: Record<string, string> = {};
  for (let at = 0; at < text.length;) {
    BLANK.lastIndex = at;
    ENTRY.lastIndex = at;
    const blank = BLANK.exec(text);
    const entry = blank === null ? ENTRY.exec(text) : null;
    const matched = blank ?? entry;
    if (matched === null) throw badLine(text, at, fileName);
    if (entry !== null) variables[entry[1] ?? ""] = valueOf(entry);
    at += matched[0].length;
  }
  return variables;
}

/** The variables of the file, or none when there is no such file. @throws {AppError} INVALID_ARGUMENT */
export function readEnvFile(path: string, fileName: string): Record<string, string> {
  return existsSync(path) ? parseEnvFile(readFileSync(path, "utf8"), fileName) : {};
}

function valueOf([, , doubleQuoted, singleQuoted, bare]: RegExpExecArray): string {
  if (doubleQuoted !== undefined)
    return doubleQuoted.replace(/\\([^])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
  if (singleQuoted !== undefined) return singleQuoted;
  return (bare ?? "").replace(/(?:^|[ \t]+)#.*$/, "").trim();
}

/** The line itself is not quoted: it may hold a secret. */
function badLine(text: string, at: number, fileName: string): AppError {
  const lineNumber = text.slice(0, at).split("\n").length;
  return new AppError("INVALID_ARGUMENT", `Cannot read ${fileName}: line ${lineNumber} is not NAME=value`, {
    hint: 'Write one NAME=value a line; a line that starts with "#" is a comment',
  });
}
