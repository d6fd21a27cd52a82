import type { ControlPlaneDeps } from "../ports.ts";
import { eraseRemoved } from "./delete-image.ts";
import { recoverRestartBans } from "./restart-bans.ts";

/** At start: what was deleted or unshared, and the engine was not told of. */
export async function recoverImages(deps: Pick<ControlPlaneDeps, "store" | "engine" | "log">): Promise<void> {
  await eraseRemoved(deps);
  await recoverRestartBans(deps);
}
