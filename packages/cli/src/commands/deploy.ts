import { type Command, Option } from "commander";
import { clientAction } from "../action.ts";
import type { Io } from "../io.ts";
import type { DeployOptions } from "../project/deployment.ts";
import { addEnvOptions, addProjectOptions } from "../project/options.ts";

const examples = (program: string): string => `
Builds the current folder like "${program} push" and creates or renews a sandbox of the image; a volume template gets a new version. On a
terminal the build is shown: q leaves it alone, l hides its log. Otherwise the command ends when everything is sent, unless --wait.

Examples:
  $ ${program} deploy
  $ ${program} deploy --yes --wait --timeout 15m
  $ ${program} deploy --dryrun -o yaml
  $ ${program} deploy -e .env.production -s TOKEN=secret --skip-build`;

export function registerDeploy(program: Command, io: Io): void {
  addEnvOptions(addProjectOptions(program.command("deploy").aliases(["d", "dp"])))
    .description("build the project of the current folder and create a sandbox of it")
    .option("--dryrun", "show what would be sent, and send nothing")
    .option("--skip-build", "take the image of blaxel.toml, or of the last deployment")
    .option("--wait", "wait for the build also where no terminal is, and fail when it fails")
    .addOption(new Option("-r, --recursive", "accepted for compatibility").hideHelp())
    .addOption(new Option("--experimental", "mark the sandbox as experimental").hideHelp())
    .addHelpText("after", examples(io.program))
    .action(clientAction<[DeployOptions]>(io, "Deploy", async () => (await import("../project/deploy.ts")).deploy));
}
