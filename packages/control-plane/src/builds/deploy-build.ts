import { AppError, faultPoint } from "@dormouse/kernel";
import type { BuildRecord, SandboxRecord } from "@dormouse/store";
import { assertMemory } from "../sandboxes/availability.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import { bringUp } from "../sandboxes/create-sandbox.ts";
import { requireFreeVolumes } from "../volumes/attach-volumes.ts";
import { disableSandbox } from "../sandboxes/enable-sandbox.ts";
import { happened, withEvent } from "../sandboxes/events.ts";
import { failureOf } from "../sandboxes/failures.ts";
import { followExpiry } from "../sandboxes/expire-sandbox.ts";
import { prepareBase, recreateSandbox } from "../sandboxes/recreate-sandbox.ts";
import { releaseVolumes } from "../volumes/attach-volumes.ts";
import { withRuntime } from "./image-runtime.ts";

/**
 * Starts the sandbox of a build from its image, or starts it anew. A failure leaves one that served before as it was, unless it had
 * to make room already.
 * @throws {AppError} SANDBOX_STATE_CONFLICT, and what creating and updating a sandbox throw
 */
export async function deployBuild(context: SandboxContext, build: BuildRecord): Promise<void> {
  const { store, changes, starts } = context;
  const { sandboxId: id, workspace } = build;
  if (id === undefined) return;
  await starts.run(workspace, () =>
    changes.run(id, async () => {
      const sandbox = await store.sandboxes.findById(id);
      if (sandbox === undefined || sandbox.status === "DELETING" || sandbox.status === "TERMINATED") return;
      if (isFirstStart(sandbox)) await startFirst(context, sandbox, build);
      else await startAnew(context, sandbox, build);
    }),
  );
}

/** The one whose record a server that died has left as DEPLOYING was not there before unless it had been deployed. */
export function isFirstStart({ status, events }: SandboxRecord): boolean {
  if (status === "UPLOADING" || status === "BUILDING") return true;
  return status === "DEPLOYING" && !events.some((event) => event.status === "DEPLOYED");
}

async function startFirst(context: SandboxContext, sandbox: SandboxRecord, build: BuildRecord): Promise<void> {
  const { store, settings, clock } = context;
  const spec = await specFor(context, sandbox, build);
  assertMemory(settings, spec.runtime.memory);
  const starting = await store.sandboxes.change(sandbox.id, sandbox.status, {
    status: "DEPLOYING",
    spec,
    engineImageId: build.id,
    events: withEvent(sandbox.events, happened("DEPLOYING", `Sandbox is starting from ${spec.runtime.image}`, clock())),
    // Its limits count from here: a build must not use up its time.
    createdAtMs: clock(),
    updatedAtMs: clock(),
  });
  if (starting === undefined) return;
  faultPoint("server.build.deploying");
  // What a server that died meanwhile has left of it.
  if (sandbox.status === "DEPLOYING") await takeDown(context, sandbox);
  try {
    const deployed = await bringUp(context, starting, await requireFreeVolumes(context.store, starting));
    if (deployed.spec.enabled === false) await disableSandbox(context, deployed);
  } catch (error) {
    await markFailed(context, starting, error);
    throw error;
  }
}

async function startAnew(context: SandboxContext, sandbox: SandboxRecord, build: BuildRecord): Promise<void> {
  const { status, spec } = sandbox;
  const isStarted = status === "DEPLOYED" && spec.runtime.image === build.image;
  if (isStarted) return;
  if (status !== "DEPLOYED" && status !== "DEPLOYING") {
    throw new AppError(
      "SANDBOX_STATE_CONFLICT",
      `Cannot start sandbox "${sandbox.name}" from its new image ${build.image}: its status is ${status}`,
      { hint: "Enable it, and update it to that image" },
    );
  }
  const { runtime } = await specFor(context, sandbox, build);
  const base = await prepareBase(context, sandbox, runtime);
  faultPoint("server.build.deploying");
  // A server that died meanwhile may have ended the old one or not.
  if (status === "DEPLOYING") {
    await context.store.sandboxes.change(sandbox.id, status, { status: "DEPLOYED", updatedAtMs: context.clock() });
  }
  followExpiry(context, await recreateSandbox(context, sandbox, base));
}

async function specFor({ store }: SandboxContext, { spec }: SandboxRecord, build: BuildRecord) {
  const wanted = withRuntime(spec, await store.builds.imageRuntime(build.id), build.runtime);
  return { ...wanted, runtime: { ...wanted.runtime, image: build.image ?? wanted.runtime.image } };
}

async function takeDown(context: SandboxContext, sandbox: SandboxRecord): Promise<void> {
  await context.engine.remove(sandbox.id);
  await releaseVolumes(context, sandbox);
}

async function markFailed(context: SandboxContext, sandbox: SandboxRecord, error: unknown): Promise<void> {
  const { store, directory, clock } = context;
  // What cannot be removed now is when its record goes.
  await takeDown(context, sandbox).catch(() => undefined);
  const failed = await store.sandboxes.change(sandbox.id, "DEPLOYING", {
    status: "FAILED",
    events: withEvent(sandbox.events, happened("FAILED", "Sandbox could not be started", clock())),
    errors: [...sandbox.errors, failureOf(sandbox, error, clock())],
    updatedAtMs: clock(),
  });
  if (failed !== undefined) directory.removeSandbox(failed);
}
