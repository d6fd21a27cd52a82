import type { Command } from "commander";
import { clientAction, localAction } from "../action.ts";
import type { ImageOptions } from "../get/get-images.ts";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";

/** `image` has further commands where the program is a server's too. */
export function registerImage(program: Command, io: Io): void {
  const image =
    program.commands.find((command) => command.name() === "image") ??
    program.command("image").description("images of the workspace");
  image.addHelpText("after", imageExamples(io.program));
  image
    .command("ls [reference]")
    .description("list the images of the workspace, or the tags of one")
    .action(
      clientAction<[string | undefined, ImageOptions]>(
        io,
        "List",
        async () => (await import("../get/get-images.ts")).getImages,
      ),
    );
  image
    .command("rm <reference...>")
    .description("delete images with all their tags, or one tag as type/name:tag")
    .action(clientAction(io, "Delete", async () => (await import("../delete/delete-resources.ts")).deleteImages));
  image
    .command("gc")
    .description("delete the images that no sandbox uses")
    .action(clientAction(io, "Clean-up", async () => (await import("../images/collect.ts")).collectImages));
}

const imageExamples = (program: string): string => `
Examples:
  $ ${program} image ls
  $ ${program} image rm sandbox/my-image:old
  $ ${program} image gc`;

export function registerShare(program: Command, io: Io): void {
  program
    .command("share")
    .addHelpText("after", shareExample(io.program, "share"))
    .description("let another workspace use something of this one")
    .command("image <reference>")
    .description("an image with all its tags, now and later; -w names the workspace that gets it")
    .addHelpText("after", shareExample(io.program, "share"))
    .action(
      localAction<[string]>(io, "Share", async () => {
        const { share } = await import("../images/share.ts");
        return (options: GlobalOptions, reference: string) => share(io, options, reference);
      }),
    );
}

export function registerUnshare(program: Command, io: Io): void {
  program
    .command("unshare")
    .addHelpText("after", shareExample(io.program, "unshare"))
    .description("take back what another workspace was given")
    .command("image <reference>")
    .description("an image; sandboxes that use it there fail at their next start; -w names the workspace")
    .addHelpText("after", shareExample(io.program, "unshare"))
    .action(
      localAction<[string]>(io, "Unshare", async () => {
        const { unshare } = await import("../images/share.ts");
        return (options: GlobalOptions, reference: string) => unshare(io, options, reference);
      }),
    );
}

const shareExample = (program: string, verb: "share" | "unshare"): string => `
Example:
  $ ${program} ${verb} image sandbox/my-image -w production`;
