import { AppError } from "@dormouse/kernel";

export interface ImageReference {
  /** Such as `sandbox`, which is what a name alone means. */
  readonly type: string;
  readonly name: string;
  readonly tag: string | undefined;
}

/** `name`, `type/name` or either with `:tag`. @throws {AppError} INVALID_ARGUMENT */
export function parseImageReference(text: string): ImageReference {
  const [, type = "sandbox", name, tag] = /^(?:([^/:]+)\/)?([^/:]+)(?::([^/:]+))?$/.exec(text) ?? [];
  if (name !== undefined) return { type, name, tag };
  throw new AppError("INVALID_ARGUMENT", `Cannot read image "${text}": expected type/name or type/name:tag`, {
    hint: 'Such as "sandbox/my-image:latest"',
  });
}
