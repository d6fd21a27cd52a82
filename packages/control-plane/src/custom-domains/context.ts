import { KeyedMutex } from "@dormouse/kernel";
import type { ControlPlaneDeps } from "../ports.ts";

/** What the use cases of domains work with: the ports, and one change at a time for each domain. */
export interface DomainContext extends ControlPlaneDeps {
  readonly changeOf: <T>(domainId: string, change: () => Promise<T>) => Promise<T>;
}

export function createDomainContext(deps: ControlPlaneDeps): DomainContext {
  const changes = new KeyedMutex();
  return { ...deps, changeOf: (domainId, change) => changes.run(domainId, change) };
}
