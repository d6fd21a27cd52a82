import { faultPoint, type Semaphore } from "@dormouse/kernel";
import type { SandboxRestart } from "@dormouse/schema";
import { admitRestart, type AdmissionPolicy, type HostRoom } from "./admission.ts";
import type { Entry } from "./entries.ts";
import type { ImageManifest } from "./images/manifest.ts";
import { assertRestartAllowed, isOfThisBoot, type RunRecord, writeRecord } from "./records.ts";
import { endRun, giveBackNetwork, type RemoveDeps } from "./remove.ts";
import { type StartDeps, startProcesses } from "./start.ts";
import { adoptWarm, type WarmSandbox } from "./warm-sandbox.ts";

export interface BeginDeps extends StartDeps, RemoveDeps {
  readonly admission: AdmissionPolicy;
  /** So many start at once. */
  readonly turns: Semaphore;
}

/** The first start of a sandbox whose folder is there. */
export async function beginNew(deps: BeginDeps, entry: Entry, image: ImageManifest): Promise<void> {
  recordSpec(entry);
  faultPoint("engine.create.spec");
  await begin(deps, entry, image);
}

/** One from the pool becomes this sandbox. Recorded while its agent starts: without a record it is swept as a create that was cut off, as it was before. */
export async function beginWarm(deps: BeginDeps, entry: Entry, warm: WarmSandbox): Promise<void> {
  const adopted = adoptWarm(deps, warm, entry.spec);
  try {
    recordSpec(entry);
    faultPoint("engine.create.spec");
  } finally {
    await adopted;
  }
  recordRun(deps, entry, warm.run);
}

/** From its entrypoint again, with its files: after a host reboot or when everything inside has died. @throws FORBIDDEN, HOST_FULL */
export async function beginAgain(deps: BeginDeps, entry: Entry, room: HostRoom): Promise<void> {
  assertRestartAllowed(entry.files);
  admitRestart(deps.admission, room);
  const reason = entry.run === undefined || isOfThisBoot(entry.run) ? "processes-ended" : "host-reboot";
  await endRun(deps, entry.spec.id);
  await giveBackNetwork(deps, entry);
  faultPoint("engine.restart.ended");
  await begin(deps, entry, pinnedImage(deps, entry), { atMs: Date.now(), reason });
}

async function begin(deps: BeginDeps, entry: Entry, image: ImageManifest, restart?: SandboxRestart): Promise<void> {
  const { spec, files } = entry;
  const slot = await deps.slots.acquire();
  entry.slot = slot;
  const run = await startProcesses(deps, deps.turns, { spec, files, image, slot });
  recordRun(deps, entry, restart === undefined ? run : { ...run, restart });
}

function pinnedImage({ images }: BeginDeps, entry: Entry): ImageManifest {
  if (entry.image !== undefined) return entry.image;
  const image = images.resolve(entry.spec.image);
  entry.image = image;
  recordSpec(entry);
  return image;
}

function recordSpec({ files, spec, createdAtMs, image }: Entry): void {
  writeRecord(files.spec, { spec, createdAtMs, image });
}

function recordRun({ disk, layout }: BeginDeps, entry: Entry, run: RunRecord): void {
  const { files } = entry;
  entry.run = run;
  writeRecord(files.run, run);
  faultPoint("engine.start.recorded");
  disk.later(files.spec, files.run, files.dataDir, layout.sandboxesDir());
}
