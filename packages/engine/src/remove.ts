import { rm } from "node:fs/promises";
import { join } from "node:path";
import { faultPoint } from "@dormouse/kernel";
import type { EngineSandboxSpec, SandboxId } from "@dormouse/schema";
import { type Cgroups, endProcesses } from "./cgroups.ts";
import type { DiskSync } from "./disk-sync.ts";
import type { Entry } from "./entries.ts";
import type { Layout } from "./layout.ts";
import type { SlotPool } from "./network/slots.ts";
import type { Volumes } from "./volumes/volumes.ts";

export interface RemoveDeps {
  readonly layout: Layout;
  readonly cgroups: Cgroups;
  readonly slots: SlotPool;
  readonly volumes: Volumes;
  readonly disk: DiskSync;
}

/** Nothing is left of the sandbox afterwards. The run record goes first, so that a cut-off removal is finished at the next start. */
export async function removeSandbox(deps: RemoveDeps, entry: Entry): Promise<void> {
  const { id } = entry.spec;
  await rm(entry.files.run, { force: true });
  faultPoint("engine.remove.unrecorded");
  await endRun(deps, id);
  faultPoint("engine.remove.ended");
  await deps.volumes.release(entry.spec);
  faultPoint("engine.remove.released");
  await Promise.all([giveBackNetwork(deps, entry), removeFiles(deps, id)]);
  faultPoint("engine.remove.erased");
}

/** Of one without an entry. */
export async function removeRemains(
  deps: RemoveDeps,
  id: SandboxId,
  spec: EngineSandboxSpec | undefined,
): Promise<void> {
  await endRun(deps, id);
  if (spec !== undefined) await deps.volumes.release(spec);
  await removeFiles(deps, id);
}

/** Ends what runs in a sandbox and takes its groups and run-time files away; its own files stay. */
export async function endRun(
  { cgroups, layout }: Pick<RemoveDeps, "cgroups" | "layout">,
  id: SandboxId,
): Promise<void> {
  await endProcesses(cgroups, id);
  for (const dir of [join(layout.runtimeDir(), id), layout.sandboxRunDir(id)]) {
    await rm(dir, { recursive: true, force: true });
  }
}

export async function giveBackNetwork({ slots }: Pick<RemoveDeps, "slots">, entry: Entry): Promise<void> {
  const { slot } = entry;
  entry.slot = undefined;
  if (slot !== undefined) await slots.recycle(slot);
}

async function removeFiles({ layout, disk }: RemoveDeps, id: SandboxId): Promise<void> {
  await rm(layout.sandboxDir(id), { recursive: true, force: true });
  disk.later(layout.sandboxesDir());
}
