import { AppError, randomId } from "@dormouse/kernel";
import {
  credentialsIn,
  RegistryReference,
  type SandboxBuildRequest,
  SandboxId,
  type SandboxName,
  SandboxSpec,
  type SandboxUpdateRequest,
  type WorkspaceName,
} from "@dormouse/schema";
import type { BuildRecord, SandboxRecord } from "@dormouse/store";
import { assertAvailable, assertMemory } from "../sandboxes/availability.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import { alreadyExists, isOver } from "../sandboxes/create-sandbox.ts";
import { eraseSandbox } from "../sandboxes/delete-sandbox.ts";
import { happened, withEvent } from "../sandboxes/events.ts";
import { assertDatesToCome } from "../sandboxes/expiry.ts";
import { stateConflict } from "../sandboxes/find-sandbox.ts";
import { newRecord } from "../sandboxes/new-record.ts";
import { updateSandbox } from "../sandboxes/update-sandbox.ts";
import { requireFreeVolumes } from "../volumes/attach-volumes.ts";
import { assertFewBuilds, beginBuild, type BegunBuild, type RegistryImage } from "./begin-build.ts";
import { runtimeAskedFor } from "./image-runtime.ts";

export interface WantedSandboxBuild {
  readonly workspace: WorkspaceName;
  readonly name: SandboxName;
  readonly request: SandboxBuildRequest;
  /** Who asks, as `createdBy` shows it. */
  readonly actor: string;
}

export interface SandboxBuild extends BegunBuild {
  readonly sandbox: SandboxRecord;
}

/** True for an image that has to be fetched before a sandbox can be made of it. */
export const isOfRegistry = (image: string | null | undefined): image is string =>
  RegistryReference.safeParse(image).success;

/** The image that a request names, and what opens its registry. @throws {AppError} INVALID_ARGUMENT */
export function registryImageOf(image: string, dockerConfig: string | null | undefined): RegistryImage {
  try {
    return { reference: image, credentials: credentialsIn(dockerConfig || "{}") };
  } catch {
    // What is wrong with it may quote it.
    throw new AppError("INVALID_ARGUMENT", "Cannot read dockerConfig: it is no Docker configuration file", {
      hint: 'Send JSON such as {"auths":{"registry.example.com":{"auth":"<base64 of user:password>"}}}',
    });
  }
}

/**
 * Makes the record of a sandbox whose image is still to come: from an upload, or, where `status` is BUILDING, from a registry.
 * @throws {AppError} SANDBOX_ALREADY_EXISTS, IMAGE_ALREADY_EXISTS, INVALID_ARGUMENT, RATE_LIMITED
 */
export async function beginSandbox(
  context: SandboxContext,
  wanted: WantedSandboxBuild,
  status: "UPLOADING" | "BUILDING",
): Promise<SandboxBuild> {
  const { store, creations, directory } = context;
  const { workspace, name } = wanted;
  assertPossible(context, wanted);
  if (creations.has(workspace, name))
    throw alreadyExists(name, "it is being created", { reason: "CREATION_IN_PROGRESS" });
  const existing = await store.sandboxes.find(workspace, name);
  if (existing !== undefined && !isOver(existing))
    throw alreadyExists(name, `the name is taken and its status is ${existing.status}`);
  await assertImageNameFree(context, wanted);
  const sandbox = firstRecord(context, wanted, status);
  await requireFreeVolumes(store, sandbox);
  if (existing !== undefined) {
    await eraseSandbox(context, existing);
    await store.sandboxes.remove(existing.id);
  }
  await store.sandboxes.insert(sandbox);
  directory.putSandbox(sandbox);
  const begun = await begin(context, sandbox, wanted, status);
  return { ...begun, sandbox };
}

/**
 * Makes a sandbox anew from an image that is still to come. One that serves goes on with that until the image is there; of one
 * that is still being built, the build ends.
 * @throws {AppError} SANDBOX_STATE_CONFLICT, INVALID_ARGUMENT, RATE_LIMITED
 */
export async function beginRebuild(
  context: SandboxContext,
  { sandbox, update, ...wanted }: WantedSandboxBuild & { sandbox: SandboxRecord; update: SandboxUpdateRequest },
  status: "UPLOADING" | "BUILDING",
): Promise<SandboxBuild> {
  if (isOver(sandbox)) return beginSandbox(context, wanted, status);
  assertPossible(context, wanted, sandbox.spec);
  await assertImageNameFree(context, wanted);
  assertCanRebuild(sandbox);
  const request = withoutBase(update);
  const updated = await updateSandbox(context, sandbox, { request, actor: wanted.actor });
  const begun = await begin(context, updated, wanted, status);
  return { ...begun, sandbox: await markAgain(context, updated, status) };
}

const begin = (
  context: SandboxContext,
  { id, workspace, name }: SandboxRecord,
  { request, actor }: WantedSandboxBuild,
  status: "UPLOADING" | "BUILDING",
): Promise<BegunBuild> =>
  beginBuild(context, {
    workspace,
    name,
    kind: "sandbox",
    sandboxId: id,
    status: status === "UPLOADING" ? "WAITING" : "BUILDING",
    runtime: runtimeAskedFor(request),
    createdBy: actor,
  });

/** `current` is what the sandbox that is built anew was asked to be. */
function assertPossible(
  context: SandboxContext,
  { request, workspace }: WantedSandboxBuild,
  current?: SandboxSpec,
): void {
  const { spec } = request;
  assertAvailable(spec);
  assertDatesToCome(spec, context.clock(), current);
  assertFewBuilds(context, { workspace });
  if (typeof spec.runtime.memory === "number") assertMemory(context.settings, spec.runtime.memory);
}

/** @throws {AppError} IMAGE_ALREADY_EXISTS, before anybody uploads anything */
async function assertImageNameFree(
  { store }: SandboxContext,
  { workspace, name }: { workspace: WorkspaceName; name: string },
): Promise<void> {
  const image = await store.images.find(workspace, name);
  if (image === undefined || image.workspace === workspace) return;
  throw new AppError(
    "IMAGE_ALREADY_EXISTS",
    `Cannot make image "${name}": workspace "${image.workspace}" shares one of that name with this one`,
    { hint: "Choose another name, or have that share ended" },
  );
}

function assertCanRebuild(sandbox: SandboxRecord): void {
  const { name, status } = sandbox;
  if (status === "DEPLOYING") throw stateConflict("build", sandbox);
  if (status === "DEPLOYED" || status === "UPLOADING" || status === "BUILDING") return;
  throw new AppError("SANDBOX_STATE_CONFLICT", `Cannot build sandbox "${name}" anew: its status is ${status}`, {
    hint: "Only a deployed sandbox takes another image",
  });
}

/** All else is changed at once. */
function withoutBase({ metadata, spec }: SandboxUpdateRequest): SandboxUpdateRequest {
  const { image: _image, memory: _memory, envs: _envs, ...runtime } = spec.runtime;
  return { metadata, spec: { ...spec, runtime } };
}

/** One that is not there yet begins again; one that is stays as it is, and only its build says what comes. */
async function markAgain(
  { store, clock }: SandboxContext,
  sandbox: SandboxRecord,
  status: "UPLOADING" | "BUILDING",
): Promise<SandboxRecord> {
  const isDeployed = sandbox.status === "DEPLOYED";
  const marked = await store.sandboxes.change(sandbox.id, sandbox.status, {
    ...(!isDeployed && { status }),
    events: withEvent(sandbox.events, happened(status, MESSAGES[status], clock())),
    updatedAtMs: clock(),
  });
  return marked ?? sandbox;
}

const MESSAGES = {
  UPLOADING: "Image is to be uploaded",
  BUILDING: "Image is being fetched",
} as const;

function firstRecord(
  context: SandboxContext,
  { workspace, name, request: { metadata, spec }, actor }: WantedSandboxBuild,
  status: "UPLOADING" | "BUILDING",
): SandboxRecord {
  const { memory, ...runtime } = spec.runtime;
  const image = `sandbox/${name}`;
  const asked = { ...spec, runtime: { ...runtime, image, ...(typeof memory === "number" && { memory }) } };
  return newRecord(
    {
      id: SandboxId.parse(randomId()),
      workspace,
      name,
      metadata,
      spec: SandboxSpec.parse(asked),
      status,
      message: MESSAGES[status],
      engineImageId: undefined,
      actor,
    },
    context.clock(),
  );
}

/** Resolves with the sandbox as its build has left it. @throws {AppError} what the build failed with */
export async function afterBuild({ store }: SandboxContext, { id, sandboxId }: BuildRecord): Promise<SandboxRecord> {
  const [build, sandbox] = await Promise.all([
    store.builds.find(id),
    sandboxId === undefined ? undefined : store.sandboxes.findById(sandboxId),
  ]);
  if (build?.status === "DONE" && sandbox !== undefined) return sandbox;
  const { message = "Cannot make the sandbox: its build was deleted meanwhile" } = build?.failure ?? {};
  throw new AppError("BUILD_FAILED", message);
}
