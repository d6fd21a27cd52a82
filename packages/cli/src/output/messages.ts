import type { Io } from "../io.ts";
import type { OutputFormat } from "../options.ts";
import { paintFor } from "./styles.ts";

/** What a command says beside its data. */
export interface Messages {
  success(text: string): void;
  info(text: string): void;
  /** A command to run next. */
  command(label: string, command: string): void;
  warn(text: string): void;
}

/** With JSON or YAML all of it goes to stderr, so that stdout holds data only. */
export function createMessages(io: Io, format?: OutputFormat): Messages {
  const channel = format === "json" || format === "yaml" ? "stderr" : "stdout";
  const paint = paintFor(io, channel);
  const line = (text: string): void => {
    io[channel].write(`${text}\n`);
  };
  return {
    success: (text) => line(`${paint("green", "✓")} ${text}`),
    info: (text) => line(`${paint("blue", "ℹ")} ${text}`),
    command: (label, command) => line(`${paint("blue", "ℹ")} ${label} ${paint("bold", command)}`),
    warn: (text) => {
      io.stderr.write(`${paintFor(io, "stderr")("yellow", "⚠")} ${text}\n`);
    },
  };
}

/** The two lines of every failure, and what to do about it. */
export function printFailure(io: Io, operation: string, error: unknown): void {
  const paint = paintFor(io, "stderr");
  const { message, hint } = describe(error);
  io.stderr.write(`${paint("red", "✗")} ${operation} failed\nReason: ${message}\n`);
  if (hint !== undefined) io.stderr.write(`${paint("yellow", "⚠")} ${hint}\n`);
}

function describe(error: unknown): { readonly message: string; readonly hint: string | undefined } {
  if (!(error instanceof Error)) return { message: String(error), hint: undefined };
  const hint = "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
  return { message: error.message, hint };
}

/** Commander's words for it, in ours. */
export const usageProblem = (text: string): string =>
  text
    .trim()
    .replace(/^error: /, "")
    .replaceAll("\n", " ");
