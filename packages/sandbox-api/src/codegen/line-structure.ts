import { indentColumns } from "./indentation.ts";

/** What stands in what, by indentation. Indexes into the lines; null where there is none. */
export interface LineStructure {
  /** For each line the nearest line before that is indented less and does not end a statement: what it is inside of. */
  readonly parents: readonly (number | null)[];
  /** For each line the nearest line before on the same indentation, with only deeper ones in between. */
  readonly openers: readonly (number | null)[];
}

interface Placed {
  readonly at: number;
  readonly columns: number;
}

export function structureOf(lines: readonly string[]): LineStructure {
  const parents: (number | null)[] = [];
  const openers: (number | null)[] = [];
  const outer: Placed[] = [];
  const before: Placed[] = [];
  for (const [at, line] of lines.entries()) {
    const isBlank = line.trim() === "";
    const columns = isBlank ? 0 : indentColumns(line);
    const opener = isBlank ? undefined : before.findLast((other) => other.columns <= columns);
    parents.push(isBlank ? null : (outer.findLast((other) => other.columns < columns)?.at ?? null));
    openers.push(opener?.columns === columns ? opener.at : null);
    if (isBlank) continue;
    pushOver(before, { at, columns });
    if (!/[;,]\s*$/.test(line)) pushOver(outer, { at, columns });
  }
  return { parents, openers };
}

/** Nobody further down looks past a line for one that is indented as much or more. */
function pushOver(stack: Placed[], line: Placed): void {
  while ((stack.at(-1)?.columns ?? -1) >= line.columns) stack.pop();
  stack.push(line);
}
