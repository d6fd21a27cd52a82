import { toAppError } from "@dormouse/kernel";
import type { ControlPlaneDeps } from "../ports.ts";
import { eraseRemoved } from "./delete-image.ts";
import { recoverRestartBans } from "./restart-bans.ts";

/** At start: what was deleted, shared or unshared, and the engine was not told of. Never rejects. */
export async function recoverImages(deps: Pick<ControlPlaneDeps, "store" | "engine" | "log">): Promise<void> {
  try {
    await eraseRemoved(deps);
    await recoverRestartBans(deps);
  } catch (error) {
    deps.log.error({ event: "image.recover", outcome: "failure", code: toAppError(error).code });
  }
}
