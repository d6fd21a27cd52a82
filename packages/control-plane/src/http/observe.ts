import { channel } from "node:diagnostics_channel";
import { toAppError } from "@dormouse/kernel";
import type { MiddlewareHandler } from "hono";
import { actionOf, isChange } from "../audit/audited.ts";
import type { ControlPlaneDeps } from "../ports.ts";
import type { ApiEnv, Caller } from "./caller.ts";

/** What the channel `dormouse.control-plane.request` carries, once for each answer. */
export interface ApiRequestEvent {
  readonly status: number;
  readonly durationMs: number;
  /** Of a failure. */
  readonly code?: string;
}

const requestEvents = channel("dormouse.control-plane.request");

/** Ids of requests that are under way and whose operation has left its event. */
const described = new Set<string>();

/**
 * Publishes every answer, and logs an event for a change that left none: an operation not worth words of its own, or one that
 * failed before it began. Such an event is called as in the audit log.
 */
export function observeRequests({ log, clock }: ControlPlaneDeps): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const startedAtMs = clock();
    await next();
    const [requestId, code, status] = [c.get("requestId"), c.get("errorCode"), c.res.status];
    const durationMs = clock() - startedAtMs;
    const answered: ApiRequestEvent = { status, durationMs, ...(code !== undefined && { code }) };
    requestEvents.publish(answered);
    if (described.delete(requestId) || !isChange(c)) return;
    const principal = c.get("principal");
    const workspace = c.get("caller")?.workspace ?? principal?.home;
    const outcome = status < 400 ? "success" : "failure";
    const event = { event: actionOf(c), outcome, durationMs, workspace, principal: principal?.id, requestId, code };
    if (status >= 500) log.error(event);
    else log.info(event);
  };
}

export interface Operation {
  /** Such as `sandbox.create`. It and the id may become known while the operation runs. */
  event: string;
  readonly sandbox?: string;
  /** Of the engine, as in the events of sleep and wake. */
  sandboxId?: string;
  readonly preview?: string;
  readonly volume?: string;
  readonly domain?: string;
  readonly volumeTemplate?: string;
  readonly build?: string;
  readonly schedule?: string;
  readonly image?: string;
}

/** Runs one operation and logs one event about how it ended. */
export async function observe<T>(
  { log, clock }: ControlPlaneDeps,
  { workspace, requestId }: Pick<Caller, "workspace" | "requestId">,
  operation: Operation,
  run: () => Promise<T>,
): Promise<T> {
  const startedAtMs = clock();
  described.add(requestId);
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
