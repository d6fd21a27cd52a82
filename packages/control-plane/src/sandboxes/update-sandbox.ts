import { AppError } from "@dormouse/kernel";
import { SECRET_MASK, type SandboxEnv, type SandboxSpec, type SandboxUpdateRequest } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { assertAvailable } from "./availability.ts";
import type { SandboxContext } from "./context.ts";
import { disableSandbox, enableSandbox } from "./enable-sandbox.ts";
import { followExpiry } from "./expire-sandbox.ts";
import { assertDatesToCome } from "./expiry.ts";
import { stateConflict } from "./find-sandbox.ts";
import { idleMsOf } from "./idle-time.ts";
import { prepareBase, recreateSandbox, type NewBase, type ReadyBase } from "./recreate-sandbox.ts";

export interface SandboxUpdate {
  readonly request: SandboxUpdateRequest;
  /** Who asks, as `updatedBy` shows it. */
  readonly actor?: string | undefined;
}

/**
 * What the request leaves out stays, `null` clears. Only another image or memory starts the sandbox anew; `enabled` freezes
 * it and lets it go on.
 * @throws {AppError} INVALID_ARGUMENT for a change of what is fixed at creation, INVALID_IMAGE, SANDBOX_STATE_CONFLICT
 */
export async function updateSandbox(
  context: SandboxContext,
  { id, ...last }: SandboxRecord,
  update: SandboxUpdate,
): Promise<SandboxRecord> {
  return context.changes.run(id, async () => {
    const sandbox = await context.store.sandboxes.findById(id);
    if (sandbox === undefined || isGoing(sandbox)) throw stateConflict("update", { id, ...last });
    assertPossible(context, sandbox, update.request);
    const base = await prepareNewBase(context, sandbox, update.request);
    const changed = await changeRecord(context, sandbox, update);
    const current = base === undefined ? changed : await recreateSandbox(context, changed, base);
    const settled = await settleEnabled(context, current);
    followExpiry(context, settled);
    context.life.setIdleMs(id, idleMsOf(settled));
    return settled;
  });
}

/** Its deletion may have begun, or ended, while the update waited for its turn. */
function isGoing({ status }: SandboxRecord): boolean {
  return status === "DELETING" || status === "TERMINATED";
}

function assertPossible({ clock }: SandboxContext, sandbox: SandboxRecord, { spec }: SandboxUpdateRequest): void {
  assertAvailable(spec);
  assertSameEnv(sandbox, spec.runtime);
  assertSameExtraArgs(sandbox, spec.runtime);
  assertSameVolumes(sandbox, spec.volumes);
  assertDatesToCome(spec, clock(), sandbox.spec);
}

async function prepareNewBase(
  context: SandboxContext,
  sandbox: SandboxRecord,
  request: SandboxUpdateRequest,
): Promise<ReadyBase | undefined> {
  const wanted = newBase(sandbox, request);
  const base = wanted && (await prepareBase(context, sandbox, wanted));
  if (base === undefined || sandbox.status === "DEPLOYED") return base;
  throw new AppError(
    "SANDBOX_STATE_CONFLICT",
    `Cannot start sandbox "${sandbox.name}" anew: its status is ${sandbox.status}`,
    { hint: "Only a deployed sandbox takes another image or memory" },
  );
}

async function changeRecord(
  { store, clock }: SandboxContext,
  sandbox: SandboxRecord,
  { request: { metadata, spec }, actor }: SandboxUpdate,
): Promise<SandboxRecord> {
  const { runtime } = sandbox.spec;
  const wanted: SandboxSpec = {
    ...sandbox.spec,
    enabled: patch(sandbox.spec.enabled, spec.enabled),
    runtime: {
      ...runtime,
      ttl: patch(runtime.ttl, spec.runtime.ttl),
      expires: patch(runtime.expires, spec.runtime.expires),
    },
    lifecycle: patch(sandbox.spec.lifecycle, spec.lifecycle),
  };
  const changed = await store.sandboxes.change(sandbox.id, sandbox.status, {
    displayName: patch(sandbox.displayName, metadata.displayName),
    externalId: patch(sandbox.externalId, metadata.externalId),
    labels: patch(sandbox.labels, metadata.labels) ?? {},
    spec: wanted,
    updatedAtMs: clock(),
    ...(actor !== undefined && { updatedBy: actor }),
  });
  if (changed === undefined) throw stateConflict("update", sandbox);
  return changed;
}

/** The base of a sandbox that needs another one; labels and limits need none. */
function newBase({ spec }: SandboxRecord, { spec: wanted }: SandboxUpdateRequest): NewBase | undefined {
  const { image, memory } = { ...spec.runtime, ...wanted.runtime };
  const base = { image: image ?? spec.runtime.image, memory: memory ?? spec.runtime.memory };
  return base.image === spec.runtime.image && base.memory === spec.runtime.memory ? undefined : base;
}

async function settleEnabled(context: SandboxContext, sandbox: SandboxRecord): Promise<SandboxRecord> {
  const { status, spec } = sandbox;
  const isDisabled = status === "DEACTIVATED" || status === "DEACTIVATING";
  if (spec.enabled === false && (status === "DEPLOYED" || status === "DEACTIVATING")) {
    return disableSandbox(context, sandbox);
  }
  return isDisabled && spec.enabled !== false ? enableSandbox(context, sandbox) : sandbox;
}

function patch<T>(current: T, wanted: T | null | undefined): T | undefined {
  if (wanted === undefined) return current;
  return wanted ?? undefined;
}

function assertSameEnv({ name, spec }: SandboxRecord, { envs }: SandboxUpdateRequest["spec"]["runtime"]): void {
  if (envs === undefined || envs === null || isSameEnv(spec.runtime.envs ?? [], envs)) return;
  throw fixedAtCreation(name, "environment");
}

/** "disabled" and not asked for are the same. */
function assertSameExtraArgs(
  { name, spec }: SandboxRecord,
  { extraArgs }: SandboxUpdateRequest["spec"]["runtime"],
): void {
  const current: Readonly<Record<string, string | undefined>> = spec.runtime.extraArgs ?? {};
  for (const [option, wish] of Object.entries(extraArgs ?? {})) {
    if (wish !== (current[option] ?? "disabled")) throw fixedAtCreation(name, `kernel option "${option}"`);
  }
}

function assertSameVolumes({ name, spec }: SandboxRecord, wanted: SandboxUpdateRequest["spec"]["volumes"]): void {
  if (wanted === undefined || JSON.stringify(wanted ?? []) === JSON.stringify(spec.volumes ?? [])) return;
  throw fixedAtCreation(name, "volumes");
}

/** A masked or absent value stands for the one we have. */
function isSameEnv(
  current: readonly SandboxEnv[],
  wanted: readonly { name: string; value?: string | undefined }[],
): boolean {
  if (current.length !== wanted.length) return false;
  return wanted.every(({ name, value }, index) => {
    const own = current[index];
    if (own === undefined || own.name !== name) return false;
    return value === undefined || value === own.value || (own.secret === true && value === SECRET_MASK);
  });
}

function fixedAtCreation(name: string, part: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot change the ${part} of sandbox "${name}": it is fixed at creation`, {
    hint: "Delete the sandbox and create it again",
  });
}
