import type { Command } from "commander";
import { localAction } from "../action.ts";
import type { Io } from "../io.ts";

export function registerVersion(program: Command, io: Io): void {
  program
    .command("version")
    .description("print the version of this command line")
    .action(
      localAction(io, "Version", async () => async () => {
        io.stdout.write(`Version: ${io.version}\n`);
      }),
    );
}
