import { AppError } from "@dormouse/kernel";
import type { SandboxRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { imageRefused } from "./find-usable-image.ts";

type ImageUser = Pick<SandboxRecord, "workspace" | "spec" | "engineImageId">;

/** The image that a sandbox stays with, as the engine calls it. */
export function engineImageOf({ spec, engineImageId }: Pick<SandboxRecord, "spec" | "engineImageId">): string {
  return engineImageId === undefined ? spec.runtime.image : `@${engineImageId}`;
}

/** A sandbox is created from its image, unless that was deleted or unshared meanwhile. @throws {AppError} FORBIDDEN */
export async function noteImageUsed(
  deps: Pick<ControlPlaneDeps, "store" | "clock">,
  sandbox: ImageUser,
): Promise<void> {
  if (sandbox.engineImageId === undefined) return;
  await requireKeptImage(deps, sandbox);
  await deps.store.images.noteDeployed(sandbox.workspace, sandbox.engineImageId, deps.clock());
}

/** What a sandbox was created from may be used for it again. @throws {AppError} FORBIDDEN */
export async function requireKeptImage(
  { store }: Pick<ControlPlaneDeps, "store">,
  { workspace, spec, engineImageId }: ImageUser,
): Promise<void> {
  if (engineImageId === undefined || (await store.images.isUsable(workspace, engineImageId))) return;
  throw new AppError(
    "FORBIDDEN",
    `Cannot start a sandbox from image "${spec.runtime.image}": it is deleted, or not shared with workspace "${workspace}" any more`,
    { hint: "Use another image" },
  );
}

/** What a start failed with; an unknown image is answered with the known ones. */
export async function explainFailure(
  deps: Pick<ControlPlaneDeps, "store" | "engine" | "hub">,
  { workspace, spec, engineImageId }: ImageUser,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof AppError) || error.code !== "INVALID_IMAGE") return error;
  const state = engineImageId === undefined ? undefined : "this machine has lost its layers";
  return imageRefused(deps, workspace, { reference: spec.runtime.image, state, cause: error });
}
