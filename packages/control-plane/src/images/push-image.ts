import { type ImagePushAnswer, type ImagePushRequest, LATEST_IMAGE_TAG } from "@dormouse/schema";
import type { ControlPlaneDeps } from "../ports.ts";
import { type FoundImage, requireVersion } from "./find-image.ts";

/** Sends a version, else the newest, to a registry. @throws {AppError} IMAGE_NOT_FOUND, and what the engine says */
export async function pushToRegistry(
  { engine }: Pick<ControlPlaneDeps, "engine">,
  { image, tag = requireVersion(image, LATEST_IMAGE_TAG) }: FoundImage,
  { reference, credentials }: ImagePushRequest,
): Promise<ImagePushAnswer> {
  const { digest } = await engine.pushImage(tag.id, reference, credentials);
  return { image: `${image.resourceType}/${image.name}:${tag.name}`, reference, digest };
}
