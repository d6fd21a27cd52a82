import type { Command } from "commander";
import { registerCommands } from "./commands/index.ts";
import type { Io } from "./io.ts";
import { addGlobalOptions } from "./options.ts";
import { printFailure, usageProblem } from "./output/messages.ts";

export type { Input, Io, Output, TerminalSize } from "./io.ts";

/** Adds what a client of a Dormouse, here or elsewhere, can do. The process then ends with `io.exitCode`. */
export function addClientCommands(program: Command, io: Io): void {
  addGlobalOptions(program);
  program.configureHelp({ showGlobalOptions: true });
  program.configureOutput({ outputError: (text) => printFailure(io, "Command", new Error(usageProblem(text))) });
  registerCommands(program, io);
}
