import type { Command, Option } from "commander";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";
import { liveNames } from "./live-names.ts";

/** A shell waits for its completion. */
const PATIENCE_MS = 3000;

/** Prints what may stand in place of the last of `words`, one a line. */
export async function complete(io: Io, program: Command, words: readonly string[]): Promise<void> {
  const typed = words.at(-1) ?? "";
  const found = findCommand(program, words.slice(0, -1));
  const candidates = typed.startsWith("-") ? optionsOf(found.command) : await wordsAfter(io, program, found);
  const fitting = candidates.filter((candidate) => candidate.startsWith(typed));
  io.stdout.write(fitting.map((candidate) => `${candidate}\n`).join(""));
}

interface Found {
  readonly command: Command;
  /** Its name with those of the commands above it. */
  readonly path: readonly string[];
  readonly words: readonly string[];
  readonly options: GlobalOptions;
}

/** Follows the words down to a command; those left are its arguments. */
function findCommand(program: Command, words: readonly string[]): Found {
  const path: string[] = [];
  const rest: string[] = [];
  let command = program;
  let workspace: string | undefined;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    const option = optionsAbove(command).find(({ short, long }) => word !== "" && (word === short || word === long));
    if (option !== undefined) {
      const value = option.required || option.optional ? words[(index += 1)] : undefined;
      if (option.long === "--workspace") workspace = value;
      continue;
    }
    const next =
      rest.length > 0 ? undefined : command.commands.find((child) => [child.name(), ...child.aliases()].includes(word));
    if (next === undefined) rest.push(word);
    else path.push((command = next).name());
  }
  return { command, path, words: rest, options: workspace === undefined ? {} : { workspace } };
}

/** Those of a command and of all it belongs to. */
const optionsAbove = (command: Command): readonly Option[] =>
  command.parent === null ? command.options : [...command.options, ...optionsAbove(command.parent)];

const optionsOf = (command: Command): string[] =>
  optionsAbove(command).flatMap(({ long, hidden }) => (long === undefined || hidden ? [] : [long]));

async function wordsAfter(
  io: Io,
  program: Command,
  { command, path, words, options }: Found,
): Promise<readonly string[]> {
  if (command.commands.length > 0) {
    return words.length > 0
      ? []
      : program
          .createHelp()
          .visibleCommands(command)
          .map((child) => child.name());
  }
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const fetch: Io["fetch"] = (url, init) => io.fetch(url, { ...init, signal: patience });
  // Who is not logged in, or meets no server, is offered nothing: a prompt is no place for complaints.
  return liveNames({ ...io, fetch }, options, { command: path.join(" "), words }).catch(() => []);
}
