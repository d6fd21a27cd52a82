import { indexerOf, type LineIndex } from "./line-index.ts";

/** Where a run of lines occurs, by the strictest comparison that finds it anywhere. */
export interface FoundLines {
  readonly places: readonly number[];
  /** True when the file's own spelling differs. */
  readonly isApproximate: boolean;
}

/** Every place of the file that has exactly these lines one after the other; `wanted` is not empty. */
export function findLines(lines: readonly string[], wanted: readonly string[]): FoundLines {
  const indexOf = indexerOf(lines);
  for (const strictness of ["exact", "spacing"] as const) {
    const places = placesOf(indexOf(strictness), wanted);
    if (places.length > 0) return { places, isApproximate: strictness !== "exact" };
  }
  return { places: [], isApproximate: false };
}

function placesOf(index: LineIndex, wanted: readonly string[]): number[] {
  const classes = wanted.map((line) => index.classOf(line));
  if (classes.includes(-1)) return [];
  const range = { from: 0, to: index.lines.length - wanted.length + 1 };
  return index
    .positions(classes[0] ?? -1, range)
    .filter((place) => classes.every((lineClass, at) => index.classes[place + at] === lineClass));
}
