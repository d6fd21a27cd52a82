import { AppError, toAppError } from "@dormouse/kernel";
import type { SandboxId, WorkspaceName } from "@dormouse/schema";
import type { ImageRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";

type ImageDeps = Pick<ControlPlaneDeps, "store" | "engine" | "log">;

/** What is not shared any more: sandboxes of it go on, and do not start again. */
export async function forbidRestarts(deps: ImageDeps, image: ImageRecord, target: WorkspaceName): Promise<void> {
  const reason = `Cannot start the sandbox again: workspace "${image.workspace}" does not share its image "${image.name}" any more`;
  for (const id of await deps.store.imageShares.usersOf(image.id, target)) await setBan(deps, id, reason);
}

/** What is shared, perhaps again. */
export async function allowRestarts(deps: ImageDeps, imageId: string, target: WorkspaceName): Promise<void> {
  for (const id of await deps.store.imageShares.usersOf(imageId, target)) await setBan(deps, id, null);
}

/** At start: what a server that died had not told the engine any more. Never rejects for a single sandbox. */
export async function recoverRestartBans(deps: ImageDeps): Promise<void> {
  const reason = "Cannot start the sandbox again: its image is not shared with its workspace any more";
  for (const { sandboxId, mayStart } of await deps.store.imageShares.borrowers()) {
    try {
      await setBan(deps, sandboxId, mayStart ? null : reason);
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
