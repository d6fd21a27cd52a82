import { setTimeout as delay } from "node:timers/promises";
import { AppError, faultPoint, isErrorCode, toAppError } from "@dormouse/kernel";
import { type EngineImageId, type EngineImageState, ImageName } from "@dormouse/schema";
import type { BuildRecord } from "@dormouse/store";
import { beginImage, publishImage } from "../images/push-progress.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import { deployBuild } from "./deploy-build.ts";
import { describeBuild, durationMs, failBuild } from "./end-build.ts";
import { runtimeIn } from "./image-runtime.ts";

/** While the engine is away. */
const RETRY_DELAY_MS = 1000;

/** Takes a build from where the engine has it to its end, also after a restart of the server. Never rejects. */
export async function followBuild(context: SandboxContext, build: BuildRecord): Promise<void> {
  try {
    const state = await endOnEngine(context, build.id);
    if (state !== undefined) await goOn(context, build, state);
  } catch (error) {
    await failBuild(context, build, error).catch((cause: unknown) =>
      context.log.error({ ...describeBuild(build), outcome: "failure", code: toAppError(cause).code }),
    );
  }
}

/** `undefined` when nobody waits for it any more. */
async function endOnEngine(context: SandboxContext, id: EngineImageId): Promise<EngineImageState | undefined> {
  for (;;) {
    try {
      const state = await context.engine.waitForImage(id);
      return (await isWanted(context, id)) ? state : undefined;
    } catch (error) {
      if (!(await isWanted(context, id))) return undefined;
      if (toAppError(error).code !== "ENGINE_UNAVAILABLE") throw error;
      await delay(RETRY_DELAY_MS, undefined, { ref: false });
    }
  }
}

const isWanted = async ({ builds, store }: SandboxContext, id: EngineImageId): Promise<boolean> =>
  !builds.isDisposed && (await store.builds.find(id)) !== undefined;

async function goOn(context: SandboxContext, build: BuildRecord, state: EngineImageState): Promise<void> {
  if (state.status !== "ready") throw failureIn(state);
  faultPoint("server.build.built");
  const published = await publish(context, build, state);
  if (published === undefined) return;
  faultPoint("server.build.published");
  if (published.sandboxId !== undefined) await deployBuild(context, published);
  await finish(context, published);
}

function failureIn({ failure }: EngineImageState): AppError {
  const { code = "BUILD_FAILED", message = "Cannot build the image: the build failed", hint } = failure ?? {};
  return new AppError(isErrorCode(code) ? code : "BUILD_FAILED", message, hint === undefined ? {} : { hint });
}

/** Gives the image its name, for good. `undefined` when the build was deleted meanwhile; then it may have got one all the same. */
async function publish(
  context: SandboxContext,
  build: BuildRecord,
  { blaxelToml, sizeBytes }: EngineImageState,
): Promise<BuildRecord | undefined> {
  const { store, builds } = context;
  const { id, workspace } = build;
  const runtime = runtimeIn(blaxelToml);
  const publishing = await store.builds.change(id, ["BUILDING", "PUBLISHING", "DEPLOYING"], { status: "PUBLISHING" });
  if (publishing === undefined) return undefined;
  await holdImage(context, build);
  const name = ImageName.parse(build.name);
  const reference = (await referenceOf(context, build)) ?? (await publishNew(context, build, { name, sizeBytes }));
  await store.builds.setImageRuntime(id, runtime);
  const status = publishing.sandboxId === undefined ? "PUBLISHING" : "DEPLOYING";
  const published = await store.builds.change(id, ["PUBLISHING"], { status, image: reference });
  if (published !== undefined && builds.find({ workspace, kind: build.kind, name })?.id === id) builds.put(published);
  return published;
}

/** A clean-up of images must not find it unused before its sandbox has started. */
async function holdImage({ store, clock }: SandboxContext, { id, sandboxId }: BuildRecord): Promise<void> {
  if (sandboxId === undefined) return;
  await store.sandboxes.change(sandboxId, "BUILDING", { engineImageId: id, updatedAtMs: clock() });
}

/** What a server that died meanwhile has called it. */
async function referenceOf({ store }: SandboxContext, build: BuildRecord): Promise<string | undefined> {
  const image = await store.images.find(build.workspace, build.name);
  const tag = image?.tags.find(({ id }) => id === build.id);
  return tag && `${image?.resourceType}/${build.name}:${tag.name}`;
}

async function publishNew(
  context: SandboxContext,
  { id, workspace, kind, createdBy }: BuildRecord,
  { name, sizeBytes }: { name: ImageName; sizeBytes: number },
): Promise<string> {
  if (kind === "sandbox") {
    const message = `Image of sandbox "${name}" is built`;
    await beginImage(context, { workspace, name, status: "BUILDING", message, actor: createdBy });
  }
  const { reference } = await publishImage(context, { workspace, name, imageId: id, sizeBytes });
  return reference;
}

async function finish({ store, builds, clock, log }: SandboxContext, { id }: BuildRecord): Promise<void> {
  const done = await store.builds.change(id, ["PUBLISHING", "DEPLOYING"], {
    status: "DONE",
    runtime: {},
    endedAtMs: clock(),
  });
  if (done === undefined) return;
  builds.put(done);
  log.info({ ...describeBuild(done), outcome: "success", durationMs: durationMs(done) });
}
