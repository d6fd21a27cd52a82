/** True for a file the patterns name; `path` is relative to the searched root, `name` its base name. */
export type FileFilter = (file: { readonly path: string; readonly name: string }) => boolean;

/**
 * A filter from a comma list of globs, where a comma in braces or brackets belongs to its glob. A glob with a slash is held
 * against the path, any other against the base name. Null when the list is empty.
 */
export function parseGlobs(list: string | null | undefined): FileFilter | null {
  const globs = splitList(list ?? "").map(compile);
  if (globs.length === 0) return null;
  return (file) => globs.some((matches) => matches(file));
}

function compile(pattern: string): FileFilter {
  const glob = new Bun.Glob(pattern.replace(/^\.?\/+/, ""));
  return pattern.includes("/") ? ({ path }) => glob.match(path) : ({ name }) => glob.match(name);
}

function splitList(list: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const character of list) {
    if ("{[".includes(character)) depth += 1;
    if ("}]".includes(character)) depth = Math.max(0, depth - 1);
    if (character === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}
