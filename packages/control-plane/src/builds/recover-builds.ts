import { AppError, toAppError } from "@dormouse/kernel";
import type { BuildStatus } from "@dormouse/schema";
import type { BuildRecord, SandboxRecord } from "@dormouse/store";
import type { SandboxContext } from "../sandboxes/context.ts";
import { describeBuild, eraseBuild, failBuild, tellOfFailure } from "./end-build.ts";
import { followBuild } from "./follow-build.ts";
import { tellOfBuilding } from "./receive-context.ts";

/** At start, before anything is answered: what answers show of builds. */
export async function loadBuilds({ store, builds }: SandboxContext): Promise<void> {
  for (const build of await store.builds.all()) builds.put(build);
}

/**
 * At start, when sandboxes have been settled: a build that the engine has is taken up again, in the background; one that it does
 * not have has failed. An address that waits for its upload goes on waiting.
 */
export async function recoverBuilds(context: SandboxContext, sandboxes: readonly SandboxRecord[]): Promise<void> {
  for (const build of context.builds.all()) {
    try {
      await settle(context, build);
    } catch (error) {
      context.log.error({ ...describeBuild(build), outcome: "not recovered", code: toAppError(error).code });
    }
  }
  await failForgotten(context, sandboxes);
}

async function settle(context: SandboxContext, build: BuildRecord): Promise<void> {
  switch (build.status) {
    case "FAILED":
      return build.sandboxId === undefined ? undefined : tellOfFailure(context, build);
    case "RECEIVING":
    case "BUILDING":
      return takeUp(context, build);
    case "PUBLISHING":
    case "DEPLOYING":
      return void followBuild(context, build);
    default:
      return undefined;
  }
}

async function takeUp(context: SandboxContext, build: BuildRecord): Promise<void> {
  const { store, builds, engine, clock } = context;
  try {
    await engine.image(build.id);
  } catch (error) {
    if (toAppError(error).code !== "IMAGE_NOT_FOUND") throw error;
    return failBuild(context, build, interrupted());
  }
  const change = { status: "BUILDING", ...(build.status === "RECEIVING" && { receivedAtMs: clock() }) } as const;
  const building = await store.builds.change(build.id, ["RECEIVING", "BUILDING"], change);
  if (building === undefined) return;
  builds.put(building);
  if (build.status === "RECEIVING") await tellOfBuilding(context, building);
  void followBuild(context, building);
}

/** The server died between a record and the build it waits for. */
async function failForgotten(
  { store, builds, directory, clock }: SandboxContext,
  sandboxes: readonly SandboxRecord[],
): Promise<void> {
  const { code, message } = interrupted();
  for (const sandbox of sandboxes) {
    const isWaiting = sandbox.status === "UPLOADING" || sandbox.status === "BUILDING";
    if (!isWaiting || builds.ofSandbox(sandbox.id) !== undefined) continue;
    const error = { code, message, instance: sandbox.id, time: new Date(clock()).toISOString(), fatal: true };
    await store.sandboxes.change(sandbox.id, sandbox.status, {
      status: "FAILED",
      errors: [...sandbox.errors, error],
      updatedAtMs: clock(),
    });
    directory.removeSandbox(sandbox);
  }
}

const interrupted = (): AppError =>
  new AppError("BUILD_FAILED", "Cannot build the image: the server was stopped before it had all of it", {
    hint: "Upload it again",
  });

const DAY_MS = 24 * 60 * 60_000;
/** How long it is known how a build went, unless the next one of its name comes before. */
const KEPT_MS: Partial<Record<BuildStatus, number>> = { FAILED: DAY_MS, DONE: 30 * DAY_MS };

/** An upload that did not come has failed, and what ended long ago is forgotten. */
export async function keepUpBuilds(context: SandboxContext): Promise<void> {
  const nowMs = context.clock();
  for (const build of context.builds.all()) {
    if (build.status === "WAITING" && build.uploadExpiresAtMs <= nowMs) await failBuild(context, build, notUploaded());
    const keptUntilMs = (build.endedAtMs ?? nowMs) + (KEPT_MS[build.status] ?? Number.POSITIVE_INFINITY);
    if (keptUntilMs <= nowMs) await eraseBuild(context, build);
  }
}

const notUploaded = (): AppError =>
  new AppError("BUILD_FAILED", "Cannot build the image: it was not uploaded in time", {
    hint: "Ask for a new address and upload it within an hour",
  });
