import { AppError, toAppError } from "@dormouse/kernel";
import { ImageName, type BuildStatus, type SandboxId } from "@dormouse/schema";
import type { BuildRecord, SandboxRecord } from "@dormouse/store";
import { setImageStatus } from "../images/push-progress.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import { happened, withEvent } from "../sandboxes/events.ts";
import { failureOf } from "../sandboxes/failures.ts";

/** Before it has come to an end of its own. */
export const UNFINISHED: readonly BuildStatus[] = ["WAITING", "RECEIVING", "BUILDING", "PUBLISHING", "DEPLOYING"];

/** Forgets a build; one that has not ended ends, and nothing is made of it. Can be repeated after a failure. */
export async function eraseBuild({ store, engine, builds }: SandboxContext, build: BuildRecord): Promise<void> {
  const isEngineToForget = await store.builds.remove(build.id);
  builds.remove(build);
  if (!isEngineToForget) return;
  await engine.removeImage(build.id);
  await store.images.forgetRemoval(build.id);
}

/** Of a sandbox that is going: a build that has ended stays as its image's. */
export async function eraseBuildOf(context: SandboxContext, sandboxId: SandboxId): Promise<void> {
  const build = context.builds.ofSandbox(sandboxId);
  if (build !== undefined && build.status !== "DONE") await eraseBuild(context, build);
}

/** Its log stays; a sandbox that was there before goes on as it is. Does nothing when the build has ended before. */
export async function failBuild(context: SandboxContext, { id }: BuildRecord, thrown: unknown): Promise<void> {
  const { store, builds, clock, log } = context;
  const error = toAppError(thrown);
  const message = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
  const failed = await store.builds.change(id, UNFINISHED, {
    status: "FAILED",
    failure: { code: error.code, message },
    runtime: {},
    uploadHash: undefined,
    endedAtMs: clock(),
  });
  if (failed === undefined) return;
  // Whoever sees that it has failed sees why.
  await tellOfFailure(context, failed);
  builds.put(failed);
  const event = { ...describeBuild(failed), outcome: "failure", code: error.code, durationMs: durationMs(failed) };
  if (error.code === "INTERNAL") log.error({ ...event, err: error });
  else log.info(event);
}

/** Brings what waited for a failed build to where it says so. Can be repeated. */
export async function tellOfFailure(context: SandboxContext, build: BuildRecord): Promise<void> {
  const message = build.failure?.message ?? "Build failed";
  if (build.sandboxId === undefined) {
    const name = ImageName.parse(build.name);
    await setImageStatus(context, { workspace: build.workspace, name, status: "FAILED", message });
    return;
  }
  const sandbox = await context.store.sandboxes.findById(build.sandboxId);
  if (sandbox !== undefined) await tellSandbox(context, sandbox, build);
}

async function tellSandbox(
  { store, directory, clock }: SandboxContext,
  sandbox: SandboxRecord,
  build: BuildRecord,
): Promise<void> {
  const { status, events, errors } = sandbox;
  if (status === "FAILED") return;
  const message = build.failure?.message ?? "Build failed";
  const isFirst = status === "UPLOADING" || status === "BUILDING";
  const error = failureOf(sandbox, new AppError("BUILD_FAILED", message), clock());
  const code = build.failure?.code ?? error.code;
  const failed = await store.sandboxes.change(sandbox.id, status, {
    events: withEvent(events, happened("FAILED", message, clock())),
    ...(isFirst && { status: "FAILED" as const, errors: [...errors, { ...error, code }] }),
    updatedAtMs: clock(),
  });
  if (failed !== undefined && isFirst) directory.removeSandbox(failed);
}

/** As the log calls it. */
export const describeBuild = ({ id, name, workspace, kind }: BuildRecord) => ({
  event: "image.build",
  build: id,
  [kind]: name,
  workspace,
});

/** From when all was there that it is made of. */
export const durationMs = ({ createdAtMs, receivedAtMs, endedAtMs }: BuildRecord): number =>
  (endedAtMs ?? createdAtMs) - (receivedAtMs ?? createdAtMs);
