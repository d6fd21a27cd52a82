import { AppError } from "@dormouse/kernel";

export interface ImageReference {
  readonly name: string;
  readonly tag: string;
}

const REFERENCE = /^(?:(?:blaxel|sandbox)\/)?([a-z0-9]+(?:[._-][a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?$/;

/**
 * Parses `name`, `name:tag`, `sandbox/name[:tag]` and `blaxel/name[:tag]` (design §7); the tag defaults to `latest`.
 * @throws INVALID_IMAGE
 */
export function parseImageReference(text: string): ImageReference {
  const match = REFERENCE.exec(text);
  if (match?.[1] === undefined) {
    throw new AppError("INVALID_IMAGE", `Cannot use image "${text}": it is not an image reference`, {
      hint: 'Write it as "name", "name:tag", "sandbox/name:tag" or "blaxel/name:tag"',
    });
  }
  return { name: match[1], tag: match[2] ?? "latest" };
}
