import type { Command } from "commander";
import { clientAction } from "../action.ts";
import type { Io } from "../io.ts";
import type { ResourceFileOptions } from "../project/apply.ts";
import { addEnvOptions } from "../project/options.ts";

const examples = (program: string): string => `
Kinds: Sandbox, Volume, VolumeTemplate, CustomDomain, Drive, Preview (metadata.resourceName is its sandbox) and PreviewToken
(metadata.previewName beside). $NAME, \${NAME:default} and $secrets.NAME are filled in.

Examples:
  $ ${program} apply -f sandbox.yaml
  $ ${program} apply -R -f deploy/ -s TOKEN=secret
  $ ${program} get sandbox my-sandbox -o yaml | ${program} apply -f -`;

export function registerApply(program: Command, io: Io): void {
  addEnvOptions(program.command("apply"))
    .description("create or change the resources of YAML files")
    .requiredOption("-f, --filename <path>", "file, folder, or - for standard input")
    .option("-R, --recursive", "folders in the folder too")
    .addHelpText("after", examples(io.program))
    .action(clientAction<[ResourceFileOptions]>(io, "Apply", async () => (await import("../project/apply.ts")).apply));
}
