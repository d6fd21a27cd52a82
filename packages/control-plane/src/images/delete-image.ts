import { AppError, toAppError } from "@dormouse/kernel";
import type { EngineImageId, ImageCleanupAnswer, WorkspaceName } from "@dormouse/schema";
import type { ImageRecord, ImageTagRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";

type ImageDeps = Pick<ControlPlaneDeps, "store" | "engine" | "log">;

/** With all its versions. @throws {AppError} IMAGE_IN_USE while it is shared, or a sandbox of the workspace uses it */
export async function deleteImage(deps: ImageDeps, image: ImageRecord): Promise<void> {
  await deps.store.images.remove(image);
  await eraseRemoved(deps);
}

/** The image goes with its last version. @throws {AppError} IMAGE_IN_USE, as for `deleteImage` */
export async function deleteVersion(deps: ImageDeps, image: ImageRecord, tag: ImageTagRecord): Promise<void> {
  await deps.store.images.removeTag(image, tag.name);
  await eraseRemoved(deps);
}

/** Deletes every image that the workspace owns, shares with and offers nobody, is not building, and has no sandbox of. */
export async function cleanUpImages(deps: ControlPlaneDeps, workspace: WorkspaceName): Promise<ImageCleanupAnswer> {
  const { store, engine } = deps;
  let deleted = 0;
  for (const image of await store.images.list(workspace)) {
    if (image.workspace !== workspace || (await isWanted(deps, image))) continue;
    if (await isRemoved(deps, image)) deleted += 1;
  }
  await eraseRemoved(deps);
  await engine.collectImages();
  const count = deleted === 1 ? "1 image" : `${deleted} images`;
  return { deleted, message: `${count} that no sandbox uses deleted` };
}

/**
 * Has the engine forget the versions that nobody can use any more. One that a sandbox of another workspace still runs stays until a
 * later time, as does one that cannot be removed now.
 */
export async function eraseRemoved(deps: ImageDeps): Promise<void> {
  for (const id of await deps.store.images.removals()) await erase(deps, id);
}

async function isWanted({ store, clock }: ControlPlaneDeps, { id, status }: ImageRecord): Promise<boolean> {
  const isBuilding = status === "UPLOADING" || status === "BUILDING";
  return isBuilding || (await store.imageShares.list(id, clock())).length > 0;
}

async function isRemoved({ store }: ImageDeps, image: ImageRecord): Promise<boolean> {
  try {
    await store.images.remove(image);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === "IMAGE_IN_USE") return false;
    throw error;
  }
}

async function erase({ store, engine, log }: ImageDeps, id: EngineImageId): Promise<void> {
  try {
    await engine.removeImage(id);
    await store.images.forgetRemoval(id);
  } catch (error) {
    const { code } = toAppError(error);
    if (code !== "IMAGE_IN_USE") log.error({ event: "image.erase", outcome: "failure", imageId: id, code });
  }
}
