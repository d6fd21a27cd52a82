import { AppError } from "@dormouse/kernel";
import { getImage, type Image, type ImageTag, listImages } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { type ImageReference, parseImageReference } from "../image-reference.ts";
import { printItems, viewOf } from "../output/render.ts";
import { renderTable } from "../output/table.ts";
import { formatTime, NOTHING } from "../resources/resource.ts";
import { formatBytes } from "../resources/sizes.ts";
import { IMAGE_RESOURCE } from "../resources/table.ts";
import { named } from "./get-sandboxes.ts";
import { isForPeople } from "./list.ts";

export interface ImageOptions {
  readonly latest?: boolean;
}

/** `get images`, `get image type/name[:tag] [--latest]` */
export async function getImages(context: Context, reference: string | undefined, options: ImageOptions): Promise<void> {
  if (reference !== undefined) return printImage(context, parseImageReference(reference), options);
  if (options.latest === true) {
    throw new AppError("INVALID_ARGUMENT", "Cannot print the latest tag: no image is named", {
      hint: `Run '${context.io.program} get image sandbox/NAME --latest'`,
    });
  }
  const images = await listImages(context.client);
  if (images.length === 0 && isForPeople(context)) return context.say.info("No images found");
  await printItems(context, IMAGE_RESOURCE, images.toSorted(newestFirst).map(withoutTags));
}

const newestFirst = (one: Image, other: Image): number =>
  other.metadata.createdAt.localeCompare(one.metadata.createdAt);

const withoutTags = ({ metadata, spec: { size } }: Image) => ({ metadata, spec: { size } });

async function printImage(context: Context, reference: ImageReference, { latest }: ImageOptions): Promise<void> {
  const { type, name, tag } = reference;
  const label = `${type}/${name}`;
  if (latest === true && tag !== undefined) {
    throw new AppError("INVALID_ARGUMENT", `Cannot print the latest tag of "${label}:${tag}": it already names one`, {
      hint: "Leave the tag out",
    });
  }
  const image = await named(`Image:${label}`, getImage(context.client, { type, name }));
  const tags = tagsOf(image, reference);
  if (latest === true) {
    const newest = [...tags].sort((one, other) => other.createdAt.localeCompare(one.createdAt))[0];
    if (newest === undefined)
      throw new AppError("INVALID_IMAGE", `Cannot print the latest tag of "${label}": it has none`);
    context.io.stdout.write(`${label}:${newest.name}\n`);
    return;
  }
  if (context.options.output !== undefined && context.options.output !== "table") {
    return printItems(context, IMAGE_RESOURCE, [{ ...image, spec: { ...image.spec, tags } }]);
  }
  context.io.stdout.write(renderImage(context, { image, tags, label }));
}

function tagsOf({ spec }: Image, { type, name, tag }: ImageReference): readonly ImageTag[] {
  const tags = spec.tags;
  if (tag === undefined) return tags;
  const found = tags.filter((candidate) => candidate.name === tag);
  if (found.length > 0) return found;
  throw new AppError("INVALID_IMAGE", `Resource Image:${type}/${name} error: it has no tag "${tag}"`, {
    hint: `Its tags: ${tags.map((known) => known.name).join(", ") || "none"}`,
  });
}

interface Shown {
  readonly image: Image;
  readonly tags: readonly ImageTag[];
  readonly label: string;
}

const TAG_COLUMNS = ["NAME", "SIZE", "CREATED_AT"].map((heading) => ({ heading }));

function renderImage(context: Context, { image: { metadata, spec }, tags, label }: Shown): string {
  const view = viewOf(context.io, context.options.utc === true);
  const day = (time: string | undefined): string => formatTime(time ?? NOTHING, view).slice(0, "YYYY-MM-DD".length);
  const facts = [
    `Workspace: ${metadata.workspace}`,
    `Total Size: ${formatBytes(spec.size)}`,
    `Last Deployed: ${day(metadata.lastDeployedAt)}`,
  ];
  const rows = tags.map((tag) => [tag.name, formatBytes(tag.size), day(tag.createdAt)]);
  return `Image: ${label}\n${facts.join(" | ")}\nTags:\n${renderTable(TAG_COLUMNS, rows)}`;
}
