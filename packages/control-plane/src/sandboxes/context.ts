import { SingleFlight } from "@dormouse/kernel";
import type { SandboxRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { Creations } from "./creations.ts";

/** What the use cases of sandboxes work with: the ports, and what is under way. */
export interface SandboxContext extends ControlPlaneDeps {
  readonly creations: Creations;
  /** By sandbox id. */
  readonly deletions: SingleFlight<SandboxRecord>;
}

export function createContext(deps: ControlPlaneDeps): SandboxContext {
  return { ...deps, creations: new Creations(), deletions: new SingleFlight() };
}
