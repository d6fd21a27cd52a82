import type { Command } from "commander";
import { localAction } from "../action.ts";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";
import type { NewOptions } from "../project/new.ts";

const examples = (program: string): string => `
Types: sandbox, volume-template.

Examples:
  $ ${program} new sandbox mytemplate
  $ ${program} new sandbox mytemplate --template python --yes
  $ ${program} new volume-template tools
  $ ${program} new --list`;

export function registerNew(program: Command, io: Io): void {
  program
    .command("new [type] [directory]")
    .description("write the files of a new project into a new folder")
    .option("-t, --template <name>", "what to begin with (default: the first of the list)")
    .option("-l, --list", "list the templates")
    .option("-y, --yes", "ask nothing")
    .addHelpText("after", examples(io.program))
    .action(
      localAction<[string | undefined, string | undefined, NewOptions]>(io, "New", async () => {
        const { newProject } = await import("../project/new.ts");
        return (global: GlobalOptions, type, directory, options) =>
          newProject({ io, global, options }, { type, directory });
      }),
    );
}
