import { AppError } from "@dormouse/kernel";
import { shareImage, unshareImage } from "@dormouse/sdk";
import { type Context, openContext } from "../context.ts";
import { type ImageReference, parseImageReference } from "../image-reference.ts";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";
import { explainRefusal } from "../refusal.ts";

/** `share image type/name -w TARGET` */
export const share = (io: Io, options: GlobalOptions, text: string): Promise<void> =>
  withTarget(io, { options, text }, async ({ client, say }, image, target) => {
    const isPending = await shareImage(client, image, target);
    if (isPending)
      return say.info(`Image ${labelOf(image)} is shared with workspace ${target} once it is accepted there`);
    say.success(`Image ${labelOf(image)} shared with workspace ${target}`);
  });

/** `unshare image type/name -w TARGET` */
export const unshare = (io: Io, options: GlobalOptions, text: string): Promise<void> =>
  withTarget(io, { options, text }, async ({ client, say }, image, target) => {
    await unshareImage(client, image, target);
    say.success(`Image ${labelOf(image)} unshared from workspace ${target}`);
  });

interface Asked {
  readonly options: GlobalOptions;
  readonly text: string;
}

type Change = (context: Context, image: ImageReference, target: string) => Promise<void>;

/** Here `-w` names the other workspace; who shares is the current one. @throws {AppError} INVALID_ARGUMENT */
async function withTarget(io: Io, { options, text }: Asked, change: Change): Promise<void> {
  const { workspace: target, ...others } = options;
  const image = parseImageReference(text);
  if (target === undefined) {
    throw new AppError("INVALID_ARGUMENT", `Cannot share "${text}": no workspace is named`, {
      hint: "Name the workspace to share it with: -w TARGET",
    });
  }
  if (image.tag !== undefined) {
    throw new AppError("INVALID_ARGUMENT", `Cannot share "${text}": sharing a specific tag is not supported`, {
      hint: `Share the image with all its tags: ${labelOf(image)}`,
    });
  }
  const context = await openContext(io, others);
  await change(context, image, target).catch((error: unknown) => {
    throw explainRefusal(error, context);
  });
}

const labelOf = ({ type, name }: ImageReference): string => `${type}/${name}`;
