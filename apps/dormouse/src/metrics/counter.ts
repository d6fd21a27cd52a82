import type { Labels, Series } from "./exposition.ts";

/** Counts by the values of a few labels, each of which has few values. */
export class Counter<Label extends string> {
  readonly #labels: readonly Label[];
  readonly #series = new Map<string, { readonly labels: Labels; value: number }>();

  constructor(...labels: readonly Label[]) {
    this.#labels = labels;
  }

  /** `by` less than 1 only makes the series appear. */
  add(values: Readonly<Record<Label, string>>, by = 1): void {
    const key = this.#labels.map((label) => values[label]).join("\n");
    const known = this.#series.get(key);
    if (known !== undefined) known.value += by;
    else this.#series.set(key, { labels: values, value: by });
  }

  series(): readonly Series[] {
    return [...this.#series.values()];
  }
}
