import { FairQueue, KeyedMutex, Semaphore, SingleFlight } from "@dormouse/kernel";
import type { SandboxId } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { Alarms } from "../alarms.ts";
import { BuildTable } from "../builds/build-table.ts";
import type { ControlPlaneDeps } from "../ports.ts";
import { UploadSlots } from "../uploads/upload-slots.ts";
import { Creations } from "./creations.ts";
import { onExpiryAlarm } from "./expire-sandbox.ts";
import { LastUse } from "./last-use.ts";
import { ReadyIds } from "./ready-ids.ts";

/** More deletions at once would only make each slower. */
const PARALLEL_EXPIRY_COUNT = 8;
/** As many as the engine starts at once, so that a wake never waits there behind creates. */
const STARTS_PER_CORE = 4;
/** What a machine with two cores works off in about ten seconds. */
const WAITING_STARTS_MAX_COUNT = 500;

/** What the use cases of sandboxes work with: the ports, and what is under way. Disposed before the life and the store. */
export interface SandboxContext extends ControlPlaneDeps, AsyncDisposable {
  readonly creations: Creations;
  readonly readyIds: ReadyIds;
  /** By workspace: whose new sandbox starts next. */
  readonly starts: FairQueue;
  /** By sandbox id. */
  readonly deletions: SingleFlight<SandboxRecord>;
  /** By sandbox id: of an update and an expiry, the later one sees what the earlier one did. */
  readonly changes: KeyedMutex;
  /** By sandbox id: when it expires, or when its record is forgotten. */
  readonly alarms: Alarms<SandboxId>;
  readonly expiries: Semaphore;
  readonly lastUse: LastUse;
  readonly builds: BuildTable;
  /** By workspace, kind and name: one build takes the place of another at a time. */
  readonly buildChanges: KeyedMutex;
  readonly buildUploads: UploadSlots;
}

export function createSandboxContext(deps: ControlPlaneDeps): SandboxContext {
  const alarms = new Alarms<SandboxId>({ clock: deps.clock, onDue: (id) => void onExpiryAlarm(context, id) });
  const lastUse = new LastUse(deps);
  const context: SandboxContext = {
    ...deps,
    creations: new Creations(),
    readyIds: new ReadyIds(deps.clock),
    starts: new FairQueue({
      limit: deps.settings.cpuCount * STARTS_PER_CORE,
      maxWaitingCount: WAITING_STARTS_MAX_COUNT,
    }),
    deletions: new SingleFlight(),
    changes: new KeyedMutex(),
    expiries: new Semaphore(PARALLEL_EXPIRY_COUNT),
    alarms,
    lastUse,
    builds: new BuildTable(deps.clock),
    buildChanges: new KeyedMutex(),
    buildUploads: new UploadSlots(),
    async [Symbol.asyncDispose]() {
      alarms[Symbol.dispose]();
      context.builds[Symbol.dispose]();
      await lastUse[Symbol.asyncDispose]();
    },
  };
  return context;
}
