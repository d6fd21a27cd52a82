import { keepUpBuilds } from "./builds/recover-builds.ts";
import type { SandboxContext } from "./sandboxes/context.ts";

const UPKEEP_EVERY_MS = 60_000;
const DAY_MS = 86_400_000;
/** So long an offer of an image that nobody accepted is answered with that it has expired. */
const EXPIRED_OFFER_DAYS = 30;

type UpkeepDeps = SandboxContext;

/** Every minute: stores when keys were last used, and drops what is past its time. Disposing stores the rest. */
export function startUpkeep(deps: UpkeepDeps): AsyncDisposable {
  let running = Promise.resolve();
  const run = (): void => void (running = running.then(() => keepUp(deps)));
  const timer = setInterval(run, UPKEEP_EVERY_MS);
  timer.unref();
  run();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      run();
      await running;
      await deps.audit.close();
    },
  };
}

/** A failure is tried again the next time. */
export async function keepUp(context: UpkeepDeps): Promise<void> {
  const { store, directory, settings, clock, log } = context;
  try {
    const uses = directory.credentials.takeUses();
    if (uses.size > 0) await store.credentials.noteUse(uses);
    await store.credentials.removeGrantsExpiredBefore(clock());
    await store.volumeTemplates.failExpiredUploads(clock(), "Cannot unpack the archive: it was not uploaded in time");
    await keepUpBuilds(context);
    await store.imageShares.removeExpiredBefore(clock() - EXPIRED_OFFER_DAYS * DAY_MS);
    await store.audit.removeBefore(clock() - settings.auditRetentionDays * DAY_MS);
  } catch (error) {
    log.error({ event: "upkeep", outcome: "failure", cause: String(error) });
  }
}
