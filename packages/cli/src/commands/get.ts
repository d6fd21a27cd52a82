import type { Command } from "commander";
import { clientAction } from "../action.ts";
import { parseCount } from "../arguments.ts";
import type { Io } from "../io.ts";

const OPERATION = "Get";

export function registerGet(program: Command, io: Io): void {
  const get = program.command("get").description("list things, or show one").addHelpText("after", examples(io.program));
  const others = () => import("../get/get-others.ts");
  addPaging(get.command("sandboxes [name] [nested...]"))
    .aliases(["sandbox", "sbx"])
    .description("sandboxes; of one: its processes, previews and their tokens")
    .option("--watch", "again every 2 seconds, until q")
    .action(clientAction(io, OPERATION, async () => (await import("../get/get-sandboxes.ts")).getSandboxes));
  addPaging(get.command("volumes [name]"))
    .aliases(["volume", "vol"])
    .description("volumes")
    .option("--watch", "again every 2 seconds, until q")
    .action(clientAction(io, OPERATION, async () => (await others()).getVolumes));
  get
    .command("volumetemplates [name]")
    .aliases(["volumetemplate", "vt"])
    .description("volume templates")
    .option("--watch", "again every 2 seconds, until q")
    .action(clientAction(io, OPERATION, async () => (await others()).getVolumeTemplates));
  get
    .command("images [reference]")
    .aliases(["image", "img"])
    .description("images; one is named as type/name or type/name:tag")
    .option("--latest", "print only the newest tag of an image, as type/name:tag")
    .action(clientAction(io, OPERATION, async () => (await import("../get/get-images.ts")).getImages));
  get
    .command("sandbox-hub")
    .aliases(["sbx-hub", "sandbox-images"])
    .description("images that everybody can use")
    .action(clientAction(io, OPERATION, async () => (await others()).getSandboxHub));
  for (const [word, what] of [
    ["previews", "previews"],
    ["previewtokens", "tokens"],
  ] as const) {
    get
      .command(`${word} [name]`, { hidden: true })
      .alias(word.replace(/s$/, ""))
      .action(
        clientAction(io, OPERATION, async () => async (context) => (await others()).refuseDetached(context, what)),
      );
  }
}

const addPaging = (command: Command): Command =>
  command
    .option("--limit <count>", "how many to list (default: 200)", parseCount)
    .option("--cursor <cursor>", "where the page before ended")
    .option("--all", "every one of them");

const examples = (program: string): string => `
Examples:
  $ ${program} get sandboxes
  $ ${program} get sandbox my-sandbox --watch
  $ ${program} get sandbox my-sandbox -o json | jq -r '.[0].metadata.url'
  $ ${program} get sandbox my-sandbox processes
  $ ${program} get sandbox my-sandbox preview web tokens
  $ ${program} get image sandbox/my-image --latest`;
