import { KeyedMutex, Semaphore, SingleFlight } from "@dormouse/kernel";
import type { SandboxId } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { Alarms } from "../alarms.ts";
import type { ControlPlaneDeps } from "../ports.ts";
import { Creations } from "./creations.ts";
import { onExpiryAlarm } from "./expire-sandbox.ts";
import { LastUse } from "./last-use.ts";

/** More deletions at once would only make each slower. */
const PARALLEL_EXPIRY_COUNT = 8;

/** What the use cases of sandboxes work with: the ports, and what is under way. Disposed before the life and the store. */
export interface SandboxContext extends ControlPlaneDeps, AsyncDisposable {
  readonly creations: Creations;
  /** By sandbox id. */
  readonly deletions: SingleFlight<SandboxRecord>;
  /** By sandbox id: of an update and an expiry, the later one sees what the earlier one did. */
  readonly changes: KeyedMutex;
  /** By sandbox id: when it expires, or when its record is forgotten. */
  readonly alarms: Alarms<SandboxId>;
  readonly expiries: Semaphore;
  readonly lastUse: LastUse;
}

export function createSandboxContext(deps: ControlPlaneDeps): SandboxContext {
  const alarms = new Alarms<SandboxId>({ clock: deps.clock, onDue: (id) => void onExpiryAlarm(context, id) });
  const lastUse = new LastUse(deps);
  const context: SandboxContext = {
    ...deps,
    creations: new Creations(),
    deletions: new SingleFlight(),
    changes: new KeyedMutex(),
    expiries: new Semaphore(PARALLEL_EXPIRY_COUNT),
    alarms,
    lastUse,
    async [Symbol.asyncDispose]() {
      alarms[Symbol.dispose]();
      await lastUse[Symbol.asyncDispose]();
    },
  };
  return context;
}
