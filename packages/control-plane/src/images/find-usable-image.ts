import { AppError } from "@dormouse/kernel";
import { type EngineImageId, type ImageStatus, LATEST_IMAGE_TAG, type WorkspaceName } from "@dormouse/schema";
import type { ImageRecord, ImageTagRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";

/** An image that a sandbox of a workspace may be created from. */
export interface UsableImage {
  /** What the engine calls it: `@<id>`, or `name:tag` of a public one, which it may not have. */
  readonly engineImage: string;
  /** Of a built one. */
  readonly engineImageId: EngineImageId | undefined;
  /** In full: `sandbox/name:tag` or `blaxel/name:tag`. */
  readonly reference: string;
}

type ImageDeps = Pick<ControlPlaneDeps, "store" | "engine" | "hub">;

const REFERENCE = /^(?:(?<origin>blaxel|sandbox)\/)?(?<name>[^/:]+)(?::(?<tag>[^/:]+))?$/;

/**
 * `blaxel/name` is a public image, `sandbox/name` one of the workspace or shared with it, and `name` the latter if there is
 * one, else the former. Without a tag, or with `latest`, the newest version. Whether the engine has a public one is told when
 * it is used, or by `requireImage`.
 * @throws {AppError} INVALID_IMAGE
 */
export async function findUsableImage(
  deps: ImageDeps,
  workspace: WorkspaceName,
  reference: string,
): Promise<UsableImage> {
  const { origin, name, tag = LATEST_IMAGE_TAG } = REFERENCE.exec(reference)?.groups ?? {};
  if (name === undefined) throw await imageRefused(deps, workspace, { reference });
  if (origin === "blaxel") return publicImage(name, tag);
  const image = await deps.store.images.find(workspace, name);
  const version = image && versionOf(image, tag);
  if (version !== undefined) {
    return {
      engineImage: `@${version.id}`,
      engineImageId: version.id,
      reference: `${image?.resourceType}/${name}:${version.name}`,
    };
  }
  if (origin === undefined) return publicImage(name, tag);
  throw await imageRefused(deps, workspace, { reference, state: image && stateOf(image, tag) });
}

/** Before anything is given up for it. @throws {AppError} INVALID_IMAGE */
export async function requireImage(deps: ImageDeps, workspace: WorkspaceName, reference: string): Promise<UsableImage> {
  const image = await findUsableImage(deps, workspace, reference);
  if (image.engineImageId !== undefined || (await publicImages(deps)).includes(image.engineImage)) return image;
  throw await imageRefused(deps, workspace, { reference });
}

interface RefusedImage {
  readonly reference: string;
  /** Where it is not simply unknown. */
  readonly state?: string | undefined;
  readonly cause?: AppError;
}

/** Tells which images there are instead: public ones and the workspace's, never another's. */
export async function imageRefused(
  deps: ImageDeps,
  workspace: WorkspaceName,
  { reference, state, cause }: RefusedImage,
): Promise<AppError> {
  const [own, open] = await Promise.all([deps.store.images.list(workspace), publicImages(deps).catch(() => [])]);
  const built = own.filter(({ tags }) => tags.length > 0).map(({ resourceType, name }) => `${resourceType}/${name}`);
  const supported = [...open, ...built.map((name) => `${name}:${LATEST_IMAGE_TAG}`)];
  const why = state ?? `neither this machine nor workspace "${workspace}" has it`;
  const known = supported.length === 0 ? "No image is installed yet" : `Available images: ${supported.join(", ")}`;
  const recipe = deps.hub.find(({ name }) => reference.replace(/^blaxel\/|:latest$/g, "") === name);
  return new AppError("INVALID_IMAGE", `Cannot use image "${reference}": ${why}`, {
    hint: recipe === undefined ? known : `Build it on the host with "dormouse image build ${recipe.name}". ${known}`,
    details: { requested_image: reference, supported_images: supported },
    cause,
  });
}

/** The newest version, or the one of that name. */
export function versionOf({ tags }: ImageRecord, tag: string): ImageTagRecord | undefined {
  return tag === LATEST_IMAGE_TAG ? tags.at(-1) : tags.find(({ name }) => name === tag);
}

function publicImage(name: string, tag: string): UsableImage {
  return { engineImage: `${name}:${tag}`, engineImageId: undefined, reference: `blaxel/${name}:${tag}` };
}

async function publicImages({ engine }: ImageDeps): Promise<string[]> {
  return (await engine.images()).map(({ name, tag }) => `${name}:${tag}`).sort();
}

const WITHOUT_VERSION: Readonly<Record<ImageStatus, string>> = {
  UPLOADING: "its source is not uploaded yet",
  BUILDING: "it is being built",
  BUILT: "it has no version",
  FAILED: "its build failed",
};

function stateOf({ tags, status }: ImageRecord, tag: string): string {
  return tags.length === 0 ? WITHOUT_VERSION[status] : `it has no version "${tag}"`;
}
