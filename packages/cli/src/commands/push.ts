import type { Command } from "commander";
import { clientAction } from "../action.ts";
import type { Io } from "../io.ts";
import { addProjectOptions } from "../project/options.ts";
import type { PushOptions } from "../project/push.ts";

const examples = (program: string): string => `
Builds the Dockerfile of the current folder into an image of the workspace, and creates no sandbox. With "image" in blaxel.toml the
image is fetched from its registry instead. The last line is the image ID.

Examples:
  $ ${program} push
  $ IMAGE=$(${program} push --yes | tail -n 1)
  $ ${program} push --name mytemplate -c registry.example=user:password --timeout 15m`;

export function registerPush(program: Command, io: Io): void {
  addProjectOptions(program.command("push"))
    .description("build an image for sandboxes")
    .option("--skip-build", "only record an image of a registry, without fetching it")
    .addHelpText("after", examples(io.program))
    .action(clientAction<[PushOptions]>(io, "Push", async () => (await import("../project/push.ts")).push));
}
