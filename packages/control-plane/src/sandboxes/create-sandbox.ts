import { AppError, faultPoint, randomId } from "@dormouse/kernel";
import {
  SandboxId,
  SandboxSpec,
  type EngineSandbox,
  type ImageRuntime,
  type SandboxCreateRequest,
  type SandboxName,
  type WorkspaceName,
} from "@dormouse/schema";
import type { SandboxRecord, VolumeRecord } from "@dormouse/store";
import { withRuntime } from "../builds/image-runtime.ts";
import { assertAvailable, assertMemory } from "./availability.ts";
import type { SandboxContext } from "./context.ts";
import { eraseSandbox } from "./delete-sandbox.ts";
import { disableSandbox } from "./enable-sandbox.ts";
import { toEngineSpec } from "./engine-spec.ts";
import { happened, withEvent } from "./events.ts";
import { expireIfDue, followExpiry, isExpired } from "./expire-sandbox.ts";
import { assertDatesToCome } from "./expiry.ts";
import { failureOf } from "./failures.ts";
import { lookAfter } from "./idle-time.ts";
import { newRecord } from "./new-record.ts";
import { findUsableImage, type UsableImage } from "../images/find-usable-image.ts";
import { explainFailure, noteImageUsed } from "../images/sandbox-image.ts";
import { attachVolumes, requireFreeVolumes, toEngineMounts } from "../volumes/attach-volumes.ts";

export interface NewSandbox {
  readonly workspace: WorkspaceName;
  readonly name: SandboxName;
  readonly request: SandboxCreateRequest;
  /** What the request says itself, without defaults: only that is over what the image brings along. */
  readonly asked?: ImageRuntime;
  /** Answer a usable sandbox of the name instead of refusing. */
  readonly reuse: boolean;
  /** Who asks, as `createdBy` shows it. */
  readonly actor?: string | undefined;
  /** Aborted when whoever asks has left. */
  readonly caller?: AbortSignal | undefined;
}

/**
 * Resolves once the sandbox serves requests; a failure leaves nothing behind. Calls for one name that come while it is being
 * created share that creation when they may reuse, and are refused when not. It waits for its workspace's turn, until then
 * without a record, and is given up when everybody who asked has left before it came.
 * @throws {AppError} SANDBOX_ALREADY_EXISTS, INVALID_ARGUMENT, INVALID_IMAGE, RATE_LIMITED, and what the engine says
 */
export async function createSandbox(context: SandboxContext, wanted: NewSandbox): Promise<SandboxRecord> {
  const { workspace, name, reuse, caller } = wanted;
  const { creations } = context;
  assertPossible(context, wanted);
  if (!reuse && creations.has(workspace, name))
    throw alreadyExists(name, "it is being created", { reason: "CREATION_IN_PROGRESS" });
  return (
    creations.join(workspace, name, caller) ??
    creations.run({ workspace, name, caller }, (unwanted) => createOrReuse(context, wanted, unwanted))
  );
}

async function createOrReuse(
  context: SandboxContext,
  wanted: NewSandbox,
  unwanted: AbortSignal,
): Promise<SandboxRecord> {
  const existing = await findUnexpired(context, wanted);
  if (existing !== undefined && !isOver(existing)) {
    if (wanted.reuse) return existing;
    throw alreadyExists(wanted.name, `the name is taken and its status is ${existing.status}`);
  }
  return context.starts.run(wanted.workspace, () => replaceAsWanted(context, wanted, existing), unwanted);
}

async function replaceAsWanted(
  context: SandboxContext,
  wanted: NewSandbox,
  existing: SandboxRecord | undefined,
): Promise<SandboxRecord> {
  const image = await findUsableImage(context, wanted.workspace, wanted.request.spec.runtime.image);
  if (existing !== undefined) {
    await eraseSandbox(context, existing);
    await context.store.sandboxes.remove(existing.id);
  }
  return startAsWanted(context, wanted, image);
}

/** One whose time has come is never handed out, even if its alarm has not rung yet. */
async function findUnexpired(context: SandboxContext, wanted: NewSandbox): Promise<SandboxRecord | undefined> {
  const { sandboxes } = context.store;
  const existing = await sandboxes.find(wanted.workspace, wanted.name);
  if (existing === undefined || !isExpired(context, existing)) return existing;
  await expireIfDue(context, existing.id);
  return sandboxes.find(wanted.workspace, wanted.name);
}

/** Disabled at once if the request, or an update that came meanwhile, says so. */
async function startAsWanted(context: SandboxContext, wanted: NewSandbox, image: UsableImage): Promise<SandboxRecord> {
  const spec = await specOf(context, wanted, image);
  const { workspace, name, request, actor } = wanted;
  const record = newRecord(
    {
      id: await newId(context, image),
      workspace,
      name,
      metadata: request.metadata,
      spec,
      status: "DEPLOYING",
      message: "Sandbox is starting",
      engineImageId: image.engineImageId,
      actor,
    },
    context.clock(),
  );
  const sandbox = await start(context, record);
  return sandbox.spec.enabled === false ? disableSandbox(context, sandbox) : sandbox;
}

async function specOf(
  { store, settings }: SandboxContext,
  { request, asked = request.spec.runtime }: NewSandbox,
  { engineImageId }: UsableImage,
): Promise<SandboxSpec> {
  const spec = SandboxSpec.parse(request.spec);
  if (engineImageId === undefined) return spec;
  const joined = withRuntime(spec, await store.builds.imageRuntime(engineImageId), asked);
  assertMemory(settings, joined.runtime.memory);
  return joined;
}

/** Record first, so that a server that dies in between knows at its next start what to clean up. */
async function start(context: SandboxContext, record: SandboxRecord): Promise<SandboxRecord> {
  const volumes = await requireFreeVolumes(context.store, record);
  await context.store.sandboxes.insert(record);
  faultPoint("server.create.recorded");
  try {
    return await bringUp(context, record, volumes);
  } catch (error) {
    await undo(context, record, error);
    throw await explainFailure(context, record, error);
  }
}

/** From DEPLOYING to DEPLOYED, with its volumes, which were free; what becomes of a failure is the caller's. */
export async function bringUp(
  context: SandboxContext,
  record: SandboxRecord,
  volumes: readonly VolumeRecord[],
): Promise<SandboxRecord> {
  await attachVolumes(context, record, volumes);
  faultPoint("server.create.attached");
  const mounts = toEngineMounts(record.spec, volumes);
  const started = await context.engine.create(toEngineSpec(record, context.settings.cpuCount, mounts));
  context.readyIds.note(started.image, started.readyIds);
  faultPoint("server.create.started");
  await noteImageUsed(context, record);
  return markDeployed(context, record, started);
}

async function markDeployed(
  context: SandboxContext,
  record: SandboxRecord,
  started: EngineSandbox,
): Promise<SandboxRecord> {
  const { store, directory, lastUse, clock } = context;
  const events = withEvent(record.events, happened("DEPLOYED", "Sandbox is ready", clock()));
  const deployed = await store.sandboxes.markDeployed(record.id, events, clock());
  if (deployed === undefined) {
    throw new AppError(
      "SANDBOX_STATE_CONFLICT",
      `Cannot create sandbox "${record.name}": it was deleted while it started`,
    );
  }
  faultPoint("server.create.deployed");
  lookAfter(context, deployed, started);
  lastUse.note(deployed.id);
  directory.putSandbox(deployed);
  followExpiry(context, deployed);
  return deployed;
}

/** When not even the engine's half can be removed, the record stays as FAILED: visible, and in the way of nobody. */
async function undo({ store, engine, clock }: SandboxContext, record: SandboxRecord, error: unknown): Promise<void> {
  try {
    await engine.remove(record.id);
    await store.sandboxes.remove(record.id);
  } catch {
    await store.sandboxes.change(record.id, "DEPLOYING", {
      status: "FAILED",
      events: withEvent(record.events, happened("FAILED", "Sandbox could not be started", clock())),
      errors: [failureOf(record, error, clock())],
      updatedAtMs: clock(),
    });
  }
}

function assertPossible({ settings, clock }: SandboxContext, { request }: NewSandbox): void {
  assertAvailable(request.spec);
  assertDatesToCome(request.spec, clock());
  assertMemory(settings, request.spec.runtime.memory);
}

/** That of a sandbox that is kept ready, where there is one. The engine is asked as seldom as can be: it costs half a millisecond. */
async function newId(context: SandboxContext, { engineImage }: UsableImage): Promise<SandboxId> {
  const { settings, engine, readyIds } = context;
  const known = readyIds.take(engineImage);
  if (known !== undefined) return known;
  if (settings.hasWarmPool) readyIds.note(engineImage, await engine.readyIds(engineImage));
  return readyIds.take(engineImage) ?? SandboxId.parse(randomId());
}

/** Over is what no request can bring back: its name is free for the next one. */
export function isOver({ status }: SandboxRecord): boolean {
  return status === "FAILED" || status === "DELETING" || status === "TERMINATED";
}

export function alreadyExists(name: string, state: string, details: Readonly<Record<string, unknown>> = {}): AppError {
  return new AppError("SANDBOX_ALREADY_EXISTS", `Cannot create sandbox "${name}": ${state}`, {
    hint: "Choose another name, delete that sandbox, or create with createIfNotExist=true",
    details,
  });
}
