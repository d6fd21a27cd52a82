import { AppError, randomId } from "@dormouse/kernel";
import {
  type EngineImageId,
  type ImageName,
  type ImageStatus,
  ImageTagName,
  type WorkspaceName,
} from "@dormouse/schema";
import type { ImageRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { happened } from "../sandboxes/events.ts";

type ImageDeps = Pick<ControlPlaneDeps, "store" | "clock">;

/** An image that a workspace owns. */
export interface ImagePlace {
  readonly workspace: WorkspaceName;
  readonly name: ImageName;
}

export interface ImageBeginning extends ImagePlace {
  readonly status: Extract<ImageStatus, "UPLOADING" | "BUILDING">;
  readonly message: string;
  /** Who asks, as `createdBy` shows it. */
  readonly actor?: string | undefined;
}

/**
 * A push begins: the image is there from now on, and its status says so, also when it has versions already.
 * @throws {AppError} IMAGE_ALREADY_EXISTS when another workspace shares an image of that name with this one
 */
export async function beginImage(
  { store, clock }: ImageDeps,
  { workspace, name, status, message, actor }: ImageBeginning,
): Promise<ImageRecord> {
  const nowMs = clock();
  const record: ImageRecord = {
    id: randomId(20),
    workspace,
    resourceType: "sandbox",
    name,
    status,
    events: [],
    lastDeployedAtMs: undefined,
    createdBy: actor,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    tags: [],
  };
  return store.images.begin(record, { status, event: happened(status, message, nowMs), updatedAtMs: nowMs });
}

export interface ImageProgress extends ImagePlace {
  readonly status: ImageStatus;
  readonly message: string;
}

/** Where a push has come to; `undefined` when the image has been deleted meanwhile. */
export async function setImageStatus(
  { store, clock }: ImageDeps,
  { workspace, name, status, message }: ImageProgress,
): Promise<ImageRecord | undefined> {
  const nowMs = clock();
  const event = happened(status, message, nowMs);
  return store.images.change(workspace, name, { status, event, updatedAtMs: nowMs });
}

export interface NewVersion extends ImagePlace {
  /** On the engine, which has it ready. */
  readonly imageId: EngineImageId;
  readonly sizeBytes: number;
}

export interface PublishedVersion {
  readonly tag: ImageTagName;
  /** `sandbox/name:tag` */
  readonly reference: string;
}

/**
 * What was built becomes the image's newest version, under a tag of its own, for every workspace that it is shared with too.
 * @throws {AppError} IMAGE_NOT_FOUND when the image has been deleted meanwhile
 */
export async function publishImage(
  { store, clock }: ImageDeps,
  { workspace, name, imageId, sizeBytes }: NewVersion,
): Promise<PublishedVersion> {
  const nowMs = clock();
  const tag = ImageTagName.parse(randomId(12));
  const event = happened("BUILT", `Version "${tag}" is ready`, nowMs);
  const published = await store.images.addTag(workspace, name, {
    tag: { id: imageId, name: tag, sizeBytes, createdAtMs: nowMs, updatedAtMs: nowMs },
    change: { status: "BUILT", event, updatedAtMs: nowMs },
  });
  if (published !== undefined) return { tag, reference: `${published.resourceType}/${name}:${tag}` };
  throw new AppError("IMAGE_NOT_FOUND", `Cannot publish image "${name}": it was deleted while it was built`);
}
