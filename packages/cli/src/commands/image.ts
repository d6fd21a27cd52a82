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

export const registerShare = (program: Command, io: Io): void =>
  registerSharing(program, io, {
    verb: "share",
    operation: "Share",
    description: "let another workspace use something of this one",
    ofImage: "an image with all its tags, now and later; -w names the workspace that gets it",
  });

export const registerUnshare = (program: Command, io: Io): void =>
  registerSharing(program, io, {
    verb: "unshare",
    operation: "Unshare",
    description: "take back what another workspace was given",
    ofImage: "an image; sandboxes that use it there fail at their next start; -w names the workspace",
  });

interface Sharing {
  readonly verb: "share" | "unshare";
  readonly operation: string;
  readonly description: string;
  readonly ofImage: string;
}

function registerSharing(program: Command, io: Io, { verb, operation, description, ofImage }: Sharing): void {
  const example = `\nExample:\n  $ ${io.program} ${verb} image sandbox/my-image -w production`;
  program
    .command(verb)
    .description(description)
    .addHelpText("after", example)
    .command("image <reference>")
    .description(ofImage)
    .addHelpText("after", example)
    .action(
      localAction<[string]>(io, operation, async () => {
        const change = (await import("../images/share.ts"))[verb];
        return (options: GlobalOptions, reference: string) => change(io, options, reference);
      }),
    );
}
