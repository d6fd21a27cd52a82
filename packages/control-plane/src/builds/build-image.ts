import { AppError } from "@dormouse/kernel";
import { ImageName, type ImageBuildRequest, type WorkspaceName } from "@dormouse/schema";
import type { BuildRecord, ImageRecord } from "@dormouse/store";
import { beginImage } from "../images/push-progress.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import { assertFewBuilds, beginBuild, type BegunBuild } from "./begin-build.ts";

export interface WantedImageBuild {
  readonly workspace: WorkspaceName;
  readonly request: ImageBuildRequest;
  /** Who asks, as `createdBy` shows it. */
  readonly actor: string;
}

export interface ImageBuild extends BegunBuild {
  readonly image: ImageRecord;
}

/**
 * Begins a new version of an image, from an upload, or, where `status` is BUILDING, from a registry. Versions that are there stay.
 * @throws {AppError} INVALID_ARGUMENT, IMAGE_ALREADY_EXISTS, RATE_LIMITED
 */
export async function beginImageBuild(
  context: SandboxContext,
  { workspace, request, actor }: WantedImageBuild,
  status: "UPLOADING" | "BUILDING",
): Promise<ImageBuild> {
  const name = nameIn(request);
  assertFewBuilds(context, { workspace });
  const message = status === "UPLOADING" ? "Source is to be uploaded" : "Image is being fetched";
  const image = await beginImage(context, { workspace, name, status, message, actor });
  const begun = await beginBuild(context, {
    workspace,
    name,
    kind: "image",
    sandboxId: undefined,
    status: status === "UPLOADING" ? "WAITING" : "BUILDING",
    runtime: {},
    createdBy: actor,
  });
  return { ...begun, image };
}

/** Resolves with what its image is called now. @throws {AppError} what the build failed with */
export async function publishedName({ store }: SandboxContext, { id }: BuildRecord): Promise<string> {
  const build = await store.builds.find(id);
  if (build?.image !== undefined) return build.image;
  throw new AppError("BUILD_FAILED", build?.failure?.message ?? "Cannot build the image: it was deleted meanwhile");
}

function nameIn({ name, resourceType }: ImageBuildRequest): ImageName {
  if (resourceType !== "sandbox" && resourceType !== "sandboxes") {
    throw new AppError("INVALID_ARGUMENT", `Cannot build an image for resource type "${resourceType}"`, {
      hint: 'This server has images for "sandbox"',
    });
  }
  const parsed = ImageName.safeParse(name);
  if (parsed.success) return parsed.data;
  throw new AppError("INVALID_ARGUMENT", `Cannot accept name: ${parsed.error.issues[0]?.message ?? "it is invalid"}`);
}
