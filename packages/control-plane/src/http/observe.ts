import { toAppError } from "@dormouse/kernel";
import type { ControlPlaneDeps } from "../ports.ts";
import type { Caller } from "./caller.ts";

interface Operation {
  /** Such as `sandbox.create`. */
  readonly event: string;
  readonly sandbox?: string;
  readonly preview?: string;
  readonly volume?: string;
  readonly domain?: string;
  readonly volumeTemplate?: string;
  readonly schedule?: string;
}

/** Runs one operation and logs one event about how it ended. */
export async function observe<T>(
  { log, clock }: ControlPlaneDeps,
  { workspace, requestId }: Pick<Caller, "workspace" | "requestId">,
  operation: Operation,
  run: () => Promise<T>,
): Promise<T> {
  const startedAtMs = clock();
  const describe = (outcome: string) => ({
    ...operation,
    outcome,
    durationMs: clock() - startedAtMs,
    workspace,
    requestId,
  });
  try {
    const result = await run();
    log.info(describe("success"));
    return result;
  } catch (thrown) {
    const { code, status } = toAppError(thrown);
    const event = { ...describe("failure"), code };
    if (status >= 500) log.error(event);
    else log.info(event);
    throw thrown;
  }
}
