/** A path whose variable parts are escaped: `` path`/sandboxes/${name}` ``. */
export function path(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return parts.reduce((whole, part, index) => whole + encodeURIComponent(values[index - 1] ?? "") + part);
}
