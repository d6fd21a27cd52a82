import { stringify } from "yaml";
import type { Paint } from "./styles.ts";

export const toYaml = (value: unknown): string => stringify(value, { lineWidth: 0 });

/** YAML with keys, texts in quotes and numbers in colours of their own. */
export const colourYaml = (yaml: string, paint: Paint): string =>
  yaml
    .split("\n")
    .map((line) => colourLine(line, paint))
    .join("\n");

function colourLine(line: string, paint: Paint): string {
  const [, indent = "", key, space = "", value = ""] = /^([\s-]*)([^\s:"'][^:]*):(\s*)(.*)$/.exec(line) ?? [];
  if (key === undefined) return line;
  return `${indent}${paint("blue", key)}:${space}${colourValue(value, paint)}`;
}

function colourValue(value: string, paint: Paint): string {
  if (/^["']/.test(value)) return paint("green", value);
  return /^-?[\d.]+$/.test(value) ? paint("yellow", value) : value;
}
