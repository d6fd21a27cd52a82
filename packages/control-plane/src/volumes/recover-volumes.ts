import { toAppError } from "@dormouse/kernel";
import type { ControlPlaneDeps } from "../ports.ts";
import { eraseVolume } from "./delete-volume.ts";

/** At start: a creation or deletion that was cut off is taken back or finished. One that cannot be waits for the next start. */
export async function recoverVolumes(deps: ControlPlaneDeps): Promise<void> {
  for (const volume of await deps.store.volumes.unsettled()) {
    const about = { event: "volume.recover", volume: volume.name, workspace: volume.workspace, status: volume.status };
    try {
      await eraseVolume(deps, volume);
      deps.log.warn({ ...about, outcome: "removed" });
    } catch (error) {
      deps.log.error({ ...about, outcome: "failure", code: toAppError(error).code });
    }
  }
}
