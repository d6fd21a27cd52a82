import { AppError } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { ImageRecord, ImageTagRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { versionOf } from "./find-usable-image.ts";

/** What a path such as `/images/sandbox/tools:v1` names. */
export interface ImagePath {
  readonly workspace: WorkspaceName;
  /** `sandbox`, or `sandboxes`. */
  readonly type: string;
  /** With or without a version: `name:tag`. */
  readonly name: string;
}

/** An image, and the version that was named with it. */
export interface FoundImage {
  readonly image: ImageRecord;
  readonly tag: ImageTagRecord | undefined;
}

type ImageDeps = Pick<ControlPlaneDeps, "store">;

/** One that the workspace owns, or that is shared with it. @throws {AppError} IMAGE_NOT_FOUND */
export async function requireImageAt({ store }: ImageDeps, { workspace, type, name }: ImagePath): Promise<FoundImage> {
  const [imageName = "", tagName, ...rest] = name.split(":");
  const isKind = (type === "sandbox" || type === "sandboxes") && rest.length === 0;
  const image = isKind ? await store.images.find(workspace, imageName) : undefined;
  if (image === undefined) {
    throw new AppError(
      "IMAGE_NOT_FOUND",
      `Cannot find image "${type}/${name}": workspace "${workspace}" has none of that name`,
      { hint: "List the images to see their names" },
    );
  }
  return { image, tag: tagName === undefined ? undefined : requireVersion(image, tagName) };
}

/** One that the workspace owns. @throws {AppError} IMAGE_NOT_FOUND, FORBIDDEN for one that is shared with it */
export async function requireOwnImageAt(deps: ImageDeps, path: ImagePath): Promise<FoundImage> {
  const found = await requireImageAt(deps, path);
  if (found.image.workspace === path.workspace) return found;
  const { name, workspace } = found.image;
  throw new AppError("FORBIDDEN", `Cannot manage image "${name}": it belongs to workspace "${workspace}"`, {
    hint: "It is shared with this workspace; only an administrator of the other one can change or share it",
  });
}

/** `latest` is the newest. @throws {AppError} IMAGE_NOT_FOUND */
export function requireVersion(image: ImageRecord, tagName: string): ImageTagRecord {
  const tag = versionOf(image, tagName);
  if (tag !== undefined) return tag;
  throw new AppError("IMAGE_NOT_FOUND", `Cannot find version "${tagName}" of image "${image.name}": it has none`, {
    hint: "Read the image to see its versions",
  });
}
