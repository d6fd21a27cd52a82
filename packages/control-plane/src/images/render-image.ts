import type { ImageAnswer, WorkspaceName } from "@dormouse/schema";
import type { ImageRecord, ImageTagRecord } from "@dormouse/store";

/** An image as clients of a workspace that may use it see it; how its builds went is shown to its owner only. */
export function renderImage(image: ImageRecord, workspace: WorkspaceName): ImageAnswer {
  const { name, resourceType, status, events, lastDeployedAtMs, tags } = image;
  const isOwn = workspace === image.workspace;
  return {
    metadata: {
      name,
      resourceType,
      displayName: `${image.workspace}/${name}`,
      workspace,
      ...(!isOwn && { sourceWorkspace: image.workspace }),
      status,
      createdAt: timeOf(image.createdAtMs),
      updatedAt: timeOf(image.updatedAtMs),
      ...(lastDeployedAtMs !== undefined && { lastDeployedAt: timeOf(lastDeployedAtMs) }),
      events: isOwn ? [...events] : [],
    },
    spec: {
      size: tags.reduce((sizeBytes, tag) => sizeBytes + tag.sizeBytes, 0),
      tags: tags.map(renderTag),
    },
  };
}

/** False for one whose only builds failed: it is an image by name alone, and is read by that. */
export const isListed = ({ status, tags }: ImageRecord): boolean => status !== "FAILED" || tags.length > 0;

/** The image with one of its versions only. */
export const withOnly = (image: ImageRecord, tag: ImageTagRecord): ImageRecord => ({ ...image, tags: [tag] });

/** The image without one of its versions. */
export const without = (image: ImageRecord, tag: ImageTagRecord): ImageRecord => ({
  ...image,
  tags: image.tags.filter(({ id }) => id !== tag.id),
});

function renderTag({ name, sizeBytes, createdAtMs, updatedAtMs }: ImageTagRecord): ImageAnswer["spec"]["tags"][number] {
  return { name, size: sizeBytes, createdAt: timeOf(createdAtMs), updatedAt: timeOf(updatedAtMs) };
}

const timeOf = (atMs: number): string => new Date(atMs).toISOString();
