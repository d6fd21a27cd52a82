import { AppError } from "@dormouse/kernel";

const MORE_CONTEXT = "add two unchanged lines before and after the change";

/** An edit that cannot be applied without guessing. `remedy` says what to send instead. */
export function editRefusal(state: string, remedy = MORE_CONTEXT): AppError {
  return new AppError("UNPROCESSABLE", `Cannot apply the edit: ${state}; ${remedy}`);
}

/** The line as messages show it: trimmed, in quotes, at most 60 characters. */
export function quoted(line: string): string {
  const text = line.trim();
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
