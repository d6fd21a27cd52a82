/** Name of what a line declares, such as `function foo`, or null: two lines with one name are versions of one line. */
export function declaredName(line: string): string | null {
  const text = line.trim().replace(MODIFIERS, "");
  for (const { pattern, kind } of DECLARATIONS) {
    const name = pattern.exec(text)?.[1];
    if (name !== undefined && !NOT_NAMES.has(name)) return `${kind} ${name}`;
  }
  return null;
}

const MODIFIERS =
  /^(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([^)]*\))?|unsafe|override|readonly|declare|open|virtual)\s+)+/;

const DECLARATIONS: readonly { readonly kind: string; readonly pattern: RegExp }[] = [
  { kind: "import", pattern: /^(?:import|export)\b.*?\bfrom\s+["']([^"']+)["']/ },
  { kind: "import", pattern: /^import\s+["'(]*([\w.@/-]+)/ },
  { kind: "import", pattern: /^(?:from|use|#include|require|include)\s+["'<]?([\w.:/-]+)/ },
  { kind: "function", pattern: /^(?:function\*?|def|fn|fun)\s+([\w$.]+)/ },
  { kind: "function", pattern: /^func\s+((?:\([^)]*\)\s*)?\w+)/ },
  {
    kind: "type",
    pattern: /^(?:class|interface|type|enum|struct|trait|impl|module|namespace|record|protocol)\s+([\w$.]+)/,
  },
  { kind: "variable", pattern: /^(?:const|let|var|val)\s+(?:mut\s+)?([\w$]+)/ },
  { kind: "method", pattern: /^([\w$#]+)\s*\([^()]*\)[^;=]*\{$/ },
  { kind: "property", pattern: /^["']?([\w$-]+)["']?\s*:\s*\S/ },
  { kind: "environment", pattern: /^([A-Z_][A-Z0-9_]*)=/ },
];

const NOT_NAMES = new Set(
  "if for while switch catch with return else default case try finally do http https function elif except".split(" "),
);

/** True for lines that many places have: no word in them, or only one that ends or opens a block. */
export function isTrivial(line: string): boolean {
  return TRIVIAL.test(line.trim());
}

const TRIVIAL =
  /^(?:[^\p{L}\p{N}]*|[)}\]\s]*(?:end|fi|done|esac|else|try|finally|begin|do|then|pass|break|continue|return)\b[^\p{L}\p{N}]*|<\/[\w.-]+>)$/iu;

/** Share of words two lines have in common, 0 to 1. */
export function similarity(left: string, right: string): number {
  const counts = new Map<string, number>();
  const leftWords = wordsOf(left);
  const rightWords = wordsOf(right);
  if (leftWords.length === 0 || rightWords.length === 0) return 0;
  for (const word of leftWords) counts.set(word, (counts.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of rightWords) {
    const count = counts.get(word) ?? 0;
    if (count > 0) common++;
    counts.set(word, count - 1);
  }
  return (2 * common) / (leftWords.length + rightWords.length);
}

export function wordsOf(line: string): readonly string[] {
  return line.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
}
