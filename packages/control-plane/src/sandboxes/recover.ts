import { setTimeout as delay } from "node:timers/promises";
import { toAppError } from "@dormouse/kernel";
import type { EngineSandbox, SandboxId } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { loadBuilds, recoverBuilds } from "../builds/recover-builds.ts";
import { recoverImages } from "../images/recover-images.ts";
import type { ControlPlaneDeps } from "../ports.ts";
import { recoverVolumeTemplates } from "../volume-templates/recover-templates.ts";
import { recoverVolumes } from "../volumes/recover-volumes.ts";
import type { SandboxContext } from "./context.ts";
import { eraseSandbox } from "./delete-sandbox.ts";
import { happened, withEvent } from "./events.ts";
import { followExpiry } from "./expire-sandbox.ts";
import { lookAfter } from "./idle-time.ts";
import { noteRestart } from "./note-restart.ts";

/** What was cut off is cleaned up before the first request, or beside the first ones when that takes longer. */
const CLEAN_UP_MAX_MS = 300;

/**
 * Brings store and engine together at start, before the first request. A creation or deletion that was cut off is taken back
 * or finished, an engine sandbox nobody knows is removed unless the store knows none at all, and a record whose sandbox vanished
 * becomes FAILED. What has expired meanwhile goes at once.
 * @throws {AppError} ENGINE_UNAVAILABLE
 */
export async function recover(deps: SandboxContext): Promise<void> {
  await loadBuilds(deps);
  const running = new Map((await deps.engine.list()).map((sandbox) => [sandbox.id, sandbox]));
  const records = await deps.store.sandboxes.all();
  if (records.length === 0 && running.size > 0) {
    deps.log.error({
      event: "sandbox.recover",
      outcome: "refused",
      reason: "the store is empty, the engine is not",
      count: running.size,
    });
    return;
  }
  const cleaning: Promise<unknown>[] = [];
  for (const { id } of records.filter((record) => isCutOff(record) && !isBeingDeployed(deps, record)))
    await deps.store.sandboxes.mark(id, "DELETING", deps.clock());
  for (const record of records) {
    const sandbox = running.get(record.id);
    running.delete(record.id);
    if (isBeingDeployed(deps, record)) continue;
    if (isCutOff(record)) cleaning.push(finishDeletion(deps, record));
    else await settle(deps, record, sandbox);
    // Of one that was being started anew; the engine may still be at it.
    if (record.status === "DEPLOYING" && wasDeployed(record)) cleaning.push(removeFromEngine(deps, record.id));
  }
  for (const id of running.keys()) cleaning.push(removeOrphan(deps, id));
  cleaning.push(recoverImages(deps));
  await Promise.race([Promise.all(cleaning), delay(CLEAN_UP_MAX_MS, undefined, { ref: false })]);
  await recoverVolumes(deps);
  await recoverVolumeTemplates(deps);
  await recoverBuilds(deps, records);
}

/** Its build is taken up again where it was. */
function isBeingDeployed({ builds }: SandboxContext, { id, status }: SandboxRecord): boolean {
  const build = builds.ofSandbox(id);
  return status === "DEPLOYING" && (build?.status === "DEPLOYING" || build?.status === "PUBLISHING");
}

/** Nobody was told of it, or somebody asked for its end. */
function isCutOff(record: SandboxRecord): boolean {
  return record.status === "DELETING" || (record.status === "DEPLOYING" && !wasDeployed(record));
}

/** The engine may still be creating it for the server that died, and finishes that first. Never rejects. */
async function finishDeletion(deps: SandboxContext, record: SandboxRecord): Promise<void> {
  const { store, log } = deps;
  const about = { event: "sandbox.recover", sandbox: record.name, workspace: record.workspace, status: record.status };
  try {
    await eraseSandbox(deps, record);
    await store.sandboxes.remove(record.id);
    log.warn({ ...about, outcome: "removed" });
  } catch (error) {
    log.error({ ...about, outcome: "failure", id: record.id, code: toAppError(error).code });
  }
}

async function removeOrphan(deps: SandboxContext, id: SandboxId): Promise<void> {
  if (await removeFromEngine(deps, id)) deps.log.warn({ event: "sandbox.recover", outcome: "orphan removed", id });
}

async function settle(deps: SandboxContext, record: SandboxRecord, sandbox: EngineSandbox | undefined): Promise<void> {
  const isIntact = sandbox !== undefined && record.status !== "DEPLOYING";
  if (isLive(record) && !isIntact) {
    await markFailed(deps, record);
    deps.log.warn({
      event: "sandbox.recover",
      outcome: "failed",
      sandbox: record.name,
      workspace: record.workspace,
    });
  }
  if (isLive(record) && isIntact) await takeUp(deps, record, sandbox);
  followExpiry(deps, record);
}

async function takeUp(deps: SandboxContext, record: SandboxRecord, sandbox: EngineSandbox): Promise<void> {
  const { store, engine, lastUse, clock } = deps;
  await noteRestart(deps, sandbox);
  if (record.status === "DEPLOYED") {
    lookAfter(deps, record, sandbox);
    lastUse.restore(record);
    return;
  }
  // A disabled sandbox stays frozen, also when its server died before it was, or its machine has started it again.
  if (sandbox.state === "running") await engine.sleep(record.id);
  if (record.status === "DEACTIVATED") return;
  await store.sandboxes.change(record.id, record.status, { status: "DEACTIVATED", updatedAtMs: clock() });
}

/** Those that the machine must have; one that is starting anew counts as well. */
function isLive({ status }: SandboxRecord): boolean {
  return ["DEPLOYED", "DEPLOYING", "DEACTIVATING", "DEACTIVATED"].includes(status);
}

/** Tells a sandbox that was being started anew from one that was being created. */
function wasDeployed({ events }: SandboxRecord): boolean {
  return events.some(({ status }) => status === "DEPLOYED");
}

async function markFailed({ store, directory, clock }: ControlPlaneDeps, record: SandboxRecord): Promise<void> {
  const message = "Sandbox vanished from the machine";
  const failure = { code: "SANDBOX_VANISHED", message, instance: record.id, fatal: true };
  await store.sandboxes.change(record.id, record.status, {
    status: "FAILED",
    events: withEvent(record.events, happened("FAILED", message, clock())),
    errors: [...record.errors, { ...failure, time: new Date(clock()).toISOString() }],
    updatedAtMs: clock(),
  });
  directory.removeSandbox(record);
}

/** One sandbox that cannot be removed does not keep the server from starting; the next start tries again. */
async function removeFromEngine({ engine, log }: ControlPlaneDeps, id: SandboxId): Promise<boolean> {
  try {
    await engine.remove(id);
    return true;
  } catch (error) {
    log.error({ event: "sandbox.recover", outcome: "failure", id, code: toAppError(error).code });
    return false;
  }
}
