import type { EngineImageId, SandboxSpec } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { requireImage } from "../images/find-usable-image.ts";
import { noteImageUsed, requireKeptImage } from "../images/sandbox-image.ts";
import { toEngineMounts } from "../volumes/attach-volumes.ts";
import { assertMemory } from "./availability.ts";
import type { SandboxContext } from "./context.ts";
import { toEngineSpec } from "./engine-spec.ts";
import { happened, withEvent } from "./events.ts";
import { failureOf } from "./failures.ts";
import { stateConflict } from "./find-sandbox.ts";
import { lookAfter } from "./idle-time.ts";

/** What only a new start can change. */
export interface NewBase extends Pick<SandboxSpec["runtime"], "image" | "memory"> {
  /** As they are unless given. */
  readonly ports?: SandboxSpec["runtime"]["ports"];
  readonly envs?: SandboxSpec["runtime"]["envs"];
}

/** One that can be started. */
export interface ReadyBase extends NewBase {
  /** Of a built image. */
  readonly engineImageId: EngineImageId | undefined;
}

/**
 * Starts a sandbox from another image or with other memory, under the same name, address, previews and volumes: processes
 * and files outside of volumes are gone. What cannot work is refused before anything is given up.
 * @throws {AppError} INVALID_IMAGE, INVALID_ARGUMENT, SANDBOX_STATE_CONFLICT, and what the engine says; then it is FAILED
 */
export async function recreateSandbox(
  context: SandboxContext,
  sandbox: SandboxRecord,
  { image, memory, ports, envs, engineImageId }: ReadyBase,
): Promise<SandboxRecord> {
  const { store, life, directory, lastUse, clock } = context;
  const before = sandbox.spec.runtime;
  const runtime = { ...before, image, memory, ports: ports ?? before.ports, envs: envs ?? before.envs };
  const message = `Starts anew: image ${before.image} → ${image}, memory ${before.memory} → ${memory} MB`;
  const starting = await store.sandboxes.change(sandbox.id, "DEPLOYED", {
    status: "DEPLOYING",
    spec: { ...sandbox.spec, runtime },
    engineImageId,
    events: withEvent(sandbox.events, happened("DEPLOYING", message, clock())),
    updatedAtMs: clock(),
  });
  if (starting === undefined) throw stateConflict("start anew", sandbox);
  directory.putSandbox(starting);
  life.forget(sandbox.id);
  lastUse.forget(sandbox.id);
  try {
    return await replace(context, starting);
  } catch (error) {
    await markFailed(context, starting, error);
    throw error;
  }
}

/** With the same image the sandbox stays with its version. @throws {AppError} INVALID_IMAGE, FORBIDDEN, INVALID_ARGUMENT, HOST_FULL */
export async function prepareBase(
  context: SandboxContext,
  sandbox: SandboxRecord,
  wanted: NewBase,
): Promise<ReadyBase> {
  const { image, memory } = sandbox.spec.runtime;
  if (wanted.memory !== memory) assertMemory(context.settings, wanted.memory);
  const engineImageId =
    wanted.image === image
      ? await keptImageId(context, sandbox)
      : (await requireImage(context, sandbox.workspace, wanted.image)).engineImageId;
  await context.engine.assertRoom(sandbox.id, wanted.memory);
  return { ...wanted, engineImageId };
}

async function keptImageId(context: SandboxContext, sandbox: SandboxRecord): Promise<EngineImageId | undefined> {
  await requireKeptImage(context, sandbox);
  return sandbox.engineImageId;
}

async function replace(context: SandboxContext, sandbox: SandboxRecord): Promise<SandboxRecord> {
  const { store, engine, directory, lastUse, settings, clock } = context;
  await engine.remove(sandbox.id);
  const mounts = toEngineMounts(sandbox.spec, await store.volumes.listAttachedTo(sandbox.id));
  const started = await engine.create(toEngineSpec(sandbox, settings.cpuCount, mounts));
  await noteImageUsed(context, sandbox).catch(async (error: unknown) => {
    await engine.remove(sandbox.id);
    throw error;
  });
  const events = withEvent(sandbox.events, happened("DEPLOYED", "Sandbox is ready", clock()));
  const deployed = await store.sandboxes.markDeployed(sandbox.id, events, clock());
  if (deployed === undefined) {
    // It was deleted meanwhile, perhaps between the removal and the creation.
    await engine.remove(sandbox.id);
    throw stateConflict("start anew", sandbox);
  }
  lookAfter(context, deployed, started);
  lastUse.note(sandbox.id);
  directory.putSandbox(deployed);
  return deployed;
}

async function markFailed({ store, directory, clock }: SandboxContext, sandbox: SandboxRecord, error: unknown) {
  const failed = await store.sandboxes.change(sandbox.id, "DEPLOYING", {
    status: "FAILED",
    events: withEvent(sandbox.events, happened("FAILED", "Sandbox could not be started anew", clock())),
    errors: [...sandbox.errors, failureOf(sandbox, error, clock())],
    updatedAtMs: clock(),
  });
  if (failed !== undefined) directory.removeSandbox(failed);
}
