import { AppError, toAppError } from "@dormouse/kernel";
import type { SandboxId, WorkspaceName } from "@dormouse/schema";
import type { ControlPlaneDeps } from "../ports.ts";

/** Visitors of its previews read it, too: it names nobody. */
const NOT_SHARED = "Cannot start the sandbox again: its image is not shared with its workspace any more";

type ImageDeps = Pick<ControlPlaneDeps, "store" | "engine" | "log">;

/** What is shared no more: the target's sandboxes of it go on, and do not start again. */
export async function forbidRestarts(deps: ImageDeps, imageId: string, target: WorkspaceName): Promise<void> {
  for (const id of await deps.store.imageShares.usersOf(imageId, target)) await setBan(deps, id, NOT_SHARED);
}

/** What is shared, perhaps again. */
export async function allowRestarts(deps: ImageDeps, imageId: string, target: WorkspaceName): Promise<void> {
  for (const id of await deps.store.imageShares.usersOf(imageId, target)) await setBan(deps, id, null);
}

/** At start: what a server that died had not told the engine any more. */
export async function recoverRestartBans(deps: ImageDeps): Promise<void> {
  for (const { sandboxId, mayStart } of await deps.store.imageShares.borrowers()) {
    try {
      await setBan(deps, sandboxId, mayStart ? null : NOT_SHARED);
    } catch (error) {
      deps.log.error({ event: "image.recover", outcome: "failure", sandboxId, code: toAppError(error).code });
    }
  }
}

/** One that is just being created looks itself whether it may; see `noteImageUsed`. */
async function setBan({ engine }: ImageDeps, id: SandboxId, reason: string | null): Promise<void> {
  try {
    await engine.forbidRestart(id, reason);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "SANDBOX_NOT_FOUND") throw error;
  }
}
