import type { Command } from "commander";
import { clientAction } from "../action.ts";
import type { Io } from "../io.ts";
import { addEnvOptions } from "../project/options.ts";

const OPERATION = "Delete";

export function registerDelete(program: Command, io: Io): void {
  const remove = addEnvOptions(program.command("delete"))
    .description("delete things for good, without asking")
    .option("-f, --filename <path>", "delete what YAML files name: a file, a folder, or - for standard input")
    .option("-R, --recursive", "folders in the folder too")
    .addHelpText("after", examples(io.program));
  remove.action(clientAction(io, OPERATION, async () => (await import("../delete/delete-files.ts")).deleteFiles));
  const resources = () => import("../delete/delete-resources.ts");
  remove
    .command("sandboxes <name...>")
    .aliases(["sandbox", "sbx"])
    .description("sandboxes, or the previews and preview tokens of one")
    .action(clientAction(io, OPERATION, async () => (await resources()).deleteSandboxes));
  remove
    .command("volumes <name...>")
    .aliases(["volume", "vol"])
    .description("volumes with what is on them")
    .action(clientAction(io, OPERATION, async () => (await resources()).deleteVolumes));
  remove
    .command("volumetemplates <name...>")
    .aliases(["volumetemplate", "vt"])
    .description("volume templates")
    .action(clientAction(io, OPERATION, async () => (await resources()).deleteVolumeTemplates));
  remove
    .command("images <reference...>")
    .aliases(["image", "img"])
    .description("images with all their tags, or one tag as type/name:tag")
    .action(clientAction(io, OPERATION, async () => (await resources()).deleteImages));
}

const examples = (program: string): string => `
Examples:
  $ ${program} delete sandbox my-sandbox another-one
  $ ${program} delete sandbox my-sandbox preview web
  $ ${program} delete image sandbox/my-image:old
  $ ${program} delete -f sandbox.yaml`;
