import type { Command } from "commander";
import { clientAction } from "../action.ts";
import type { RunLocalOptions } from "../forward/run-local.ts";
import type { Io } from "../io.ts";
import { addEnvOptions } from "../project/options.ts";

export function registerForward(program: Command, io: Io): void {
  program
    .command("forward <sandbox> [ports...]")
    .description("serve ports of a sandbox on this machine, its API on 8080 when none is named; Ctrl-C ends it")
    .addHelpText(
      "after",
      `\nExamples:\n  $ ${io.program} forward my-sandbox\n  $ ${io.program} forward my-sandbox 18080:8080 3000`,
    )
    .action(
      clientAction<[string, string[]]>(io, "Forward", async () => (await import("../forward/forward.ts")).forward),
    );
}

const runLocalHelp = (program: string): string => `
Ports are the API on 8080 and those of blaxel.toml, or LOCAL:PORT as named. The sandbox is deleted at the end.

Examples:
  $ ${program} push && ${program} run-local
  $ ${program} run-local 18080:8080 --image blaxel/base-image`;

export function registerRunLocal(program: Command, io: Io): void {
  addEnvOptions(program.command("run-local [ports...]"))
    .description("run the project's image in a sandbox of its own, its ports on this machine; Ctrl-C ends it")
    .option("-d, --directory <dir>", "folder of the project, inside the current one")
    .option("-n, --name <name>", "name of the image (default: that of blaxel.toml, else of the folder)")
    .option("--image <reference>", "image to run instead of sandbox/NAME:latest")
    .addHelpText("after", runLocalHelp(io.program))
    .action(
      clientAction<[string[], RunLocalOptions]>(
        io,
        "Run",
        async () => (await import("../forward/run-local.ts")).runLocal,
      ),
    );
}
