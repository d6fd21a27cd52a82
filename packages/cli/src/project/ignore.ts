import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const IGNORE_FILE = ".blaxelignore";

/** Never in an archive as it lies there: build arguments are merged and put in by themselves. */
const ALWAYS = ".env.build";

const BUILT_IN = [
  ".blaxel",
  ".docker",
  ".git",
  "dist",
  ".venv",
  "venv",
  "node_modules",
  ".env",
  ".next",
  "__pycache__",
] as const;

/** What a project's archive leaves out, and what its ignore file cannot mean. */
export interface IgnoreRules {
  isIgnored(name: string): boolean;
  readonly warnings: readonly string[];
}

/**
 * The rules of `.blaxelignore` in `root`, or the built-in ones. An entry is a literal piece of a path, as the stock command line
 * reads it: it leaves out what begins with it at the root (`dist` also `dist-x`), and whole path segments further down.
 */
export function readIgnoreRules(root: string): IgnoreRules {
  const file = join(root, IGNORE_FILE);
  const written = existsSync(file) ? entriesOf(readFileSync(file, "utf8")) : undefined;
  const entries = [...(written ?? BUILT_IN), ALWAYS];
  return {
    isIgnored: (name) => entries.some((entry) => isMatch(name, entry)),
    warnings: (written ?? [])
      .filter((entry) => /[*?[!]/.test(entry))
      .map(
        (entry) => `"${entry}" in ${IGNORE_FILE} leaves nothing out: entries are plain names and paths, not patterns`,
      ),
  };
}

function entriesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*$/, "").trim())
    .filter((line) => line !== "");
}

/** `name` is relative to the root, with forward slashes. */
function isMatch(name: string, entry: string): boolean {
  const path = `/${name}`;
  return name.startsWith(entry) || path.includes(`/${entry}/`) || path.endsWith(`/${entry}`);
}
