import { AppError, randomId } from "@dormouse/kernel";
import {
  SandboxId,
  SandboxSpec,
  type EnginePort,
  type EngineSandbox,
  type SandboxCreateRequest,
  type SandboxName,
  type WorkspaceName,
} from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { assertAvailable } from "./availability.ts";
import type { SandboxContext } from "./context.ts";
import { eraseSandbox } from "./delete-sandbox.ts";
import { toEngineSpec } from "./engine-spec.ts";
import { happened } from "./events.ts";

export interface NewSandbox {
  readonly workspace: WorkspaceName;
  readonly name: SandboxName;
  readonly request: SandboxCreateRequest;
  /** Answer a usable sandbox of the name instead of refusing. */
  readonly reuse: boolean;
}

/**
 * Resolves once the sandbox serves requests; a failure leaves nothing behind. Calls for one name that come while it is being
 * created share that creation when they may reuse, and are refused when not.
 * @throws {AppError} SANDBOX_ALREADY_EXISTS, INVALID_ARGUMENT, INVALID_IMAGE, and what the engine says
 */
export async function createSandbox(context: SandboxContext, wanted: NewSandbox): Promise<SandboxRecord> {
  const { workspace, name, reuse } = wanted;
  assertPossible(context, wanted);
  const underWay = context.creations.find(workspace, name);
  if (underWay !== undefined && reuse) return underWay;
  if (underWay !== undefined) throw alreadyExists(name, "it is being created", { reason: "CREATION_IN_PROGRESS" });
  return context.creations.run(workspace, name, () => createOrReuse(context, wanted));
}

async function createOrReuse(context: SandboxContext, wanted: NewSandbox): Promise<SandboxRecord> {
  const existing = await context.store.sandboxes.find(wanted.workspace, wanted.name);
  if (existing === undefined) return start(context, newRecord(context, wanted));
  if (!isOver(existing)) {
    if (wanted.reuse) return existing;
    throw alreadyExists(wanted.name, `the name is taken and its status is ${existing.status}`);
  }
  await eraseSandbox(context, existing);
  return start(context, newRecord(context, wanted));
}

/** Record first, so that a server that dies in between knows at its next start what to clean up. */
async function start(context: SandboxContext, record: SandboxRecord): Promise<SandboxRecord> {
  await context.store.sandboxes.insert(record);
  try {
    const started = await context.engine.create(toEngineSpec(record, context.settings.cpuCount));
    return await markDeployed(context, record, started);
  } catch (error) {
    await undo(context, record);
    throw await explainFailure(context.engine, record, error);
  }
}

async function markDeployed(
  { store, life, directory, clock }: SandboxContext,
  record: SandboxRecord,
  started: EngineSandbox,
): Promise<SandboxRecord> {
  const deployed = await store.sandboxes.change(record.id, "DEPLOYING", {
    status: "DEPLOYED",
    events: [...record.events, happened("DEPLOYED", "Sandbox is ready", clock())],
    updatedAtMs: clock(),
  });
  if (deployed === undefined) {
    throw new AppError(
      "SANDBOX_STATE_CONFLICT",
      `Cannot create sandbox "${record.name}": it was deleted while it started`,
    );
  }
  life.track(started);
  directory.putSandbox(deployed);
  return deployed;
}

/** When not even the engine's half can be removed, the record stays as FAILED: visible, and in the way of nobody. */
async function undo({ store, engine, clock }: SandboxContext, record: SandboxRecord): Promise<void> {
  try {
    await engine.remove(record.id);
    await store.sandboxes.remove(record.id);
  } catch {
    const events = [...record.events, happened("FAILED", "Sandbox could not be started", clock())];
    await store.sandboxes.change(record.id, "DEPLOYING", { status: "FAILED", events, updatedAtMs: clock() });
  }
}

/** An unknown image is answered with the known ones. */
async function explainFailure(engine: EnginePort, { spec }: SandboxRecord, error: unknown): Promise<unknown> {
  if (!(error instanceof AppError) || error.code !== "INVALID_IMAGE") return error;
  const images = await engine.images().catch(() => []);
  const supported = images.map(({ name, tag }) => `${name}:${tag}`).sort();
  const image = spec.runtime.image;
  return new AppError("INVALID_IMAGE", `Cannot use image "${image}": this machine does not have it`, {
    hint: supported.length === 0 ? "No image is installed yet" : `Available images: ${supported.join(", ")}`,
    details: { requested_image: image, supported_images: supported },
    cause: error,
  });
}

function assertPossible({ settings }: SandboxContext, { request }: NewSandbox): void {
  assertAvailable(request.spec);
  const { memory } = request.spec.runtime;
  if (memory <= settings.memoryMaxMb) return;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot give a sandbox ${memory} MB of memory: this machine offers ${settings.memoryMaxMb} MB`,
    {
      hint: `Ask for 128 to ${settings.memoryMaxMb} MB`,
    },
  );
}

function newRecord({ clock }: SandboxContext, { workspace, name, request }: NewSandbox): SandboxRecord {
  const nowMs = clock();
  return {
    id: SandboxId.parse(randomId()),
    workspace,
    name,
    displayName: request.metadata.displayName,
    externalId: request.metadata.externalId,
    labels: request.metadata.labels ?? {},
    spec: SandboxSpec.parse(request.spec),
    status: "DEPLOYING",
    events: [happened("DEPLOYING", "Sandbox is starting", nowMs)],
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

/** Over is what no request can bring back: its name is free for the next one. */
function isOver({ status }: SandboxRecord): boolean {
  return status === "FAILED" || status === "DELETING" || status === "TERMINATED";
}

function alreadyExists(name: string, state: string, details: Readonly<Record<string, unknown>> = {}): AppError {
  return new AppError("SANDBOX_ALREADY_EXISTS", `Cannot create sandbox "${name}": ${state}`, {
    hint: "Choose another name, delete that sandbox, or create with createIfNotExist=true",
    details,
  });
}
