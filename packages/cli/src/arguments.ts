import { InvalidArgumentError } from "commander";

export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("It must be a whole number, 1 or more.");
  return count;
}

/** `KEY=value`, once for each time the option is given. */
export function collectPair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, key, value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined) throw new InvalidArgumentError("It must look like KEY=value.");
  return { ...before, [key]: value };
}

export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];
