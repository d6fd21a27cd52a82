import { Argument, type Command } from "commander";
import { localAction } from "../action.ts";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";
import { SHELLS, type Shell } from "../completion/scripts.ts";

export function registerCompletion(program: Command, io: Io): void {
  program
    .command("completion")
    .description("print the script that lets a shell complete commands, options, and names of what there is")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .addHelpText("after", examples(io.program))
    .action(
      localAction(io, "Completion", async () => {
        const { completionScript } = await import("../completion/scripts.ts");
        return async (_global: GlobalOptions, shell: Shell) => {
          io.stdout.write(completionScript(shell, io.program));
        };
      }),
    );
  program
    .command("__complete [words...]", { hidden: true })
    .allowUnknownOption()
    .action(
      localAction(io, "Completion", async () => {
        const { complete } = await import("../completion/complete.ts");
        return (_global: GlobalOptions, words: readonly string[]) => complete(io, program, words);
      }),
    );
}

const examples = (program: string): string => `
Examples:
  $ source <(${program} completion bash)
  $ ${program} completion zsh > "\${fpath[1]}/_${program}"
  $ ${program} completion fish > ~/.config/fish/completions/${program}.fish`;
