import { redactSecrets, toAppError, type AppError } from "@dormouse/kernel";
import type { ErrorAnswer, SandboxErrorAnswer } from "@dormouse/schema";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { ControlPlaneDeps } from "../ports.ts";
import type { ApiContext } from "./caller.ts";

/** The failure of every route but creating a sandbox. */
export function renderError({ log }: ControlPlaneDeps, c: ApiContext, thrown: unknown): Response {
  const error = toAppError(thrown);
  c.set("errorCode", error.code);
  logUnexpected(log, c, error);
  sayWhenToRetry(c, error);
  const body: ErrorAnswer = { code: error.status, error: error.code, message: explain(c, error) };
  return c.json(body, error.status as ContentfulStatusCode);
}

/** The failure of creating a sandbox: its code is a word, and it says which sandbox. */
export function renderSandboxError(
  { log, clock }: ControlPlaneDeps,
  c: ApiContext,
  thrown: unknown,
  sandboxName?: string,
): Response {
  const error = toAppError(thrown);
  c.set("errorCode", error.code);
  logUnexpected(log, c, error);
  sayWhenToRetry(c, error);
  const { reason, ...details } = error.details;
  // Stock clients would ask twice more before they do what a taken name calls for.
  if (error.code === "SANDBOX_ALREADY_EXISTS") c.header("X-Should-Retry", "false");
  // On 504 the stock client waits two minutes for a record to appear, and this failure leaves none.
  const status = error.status === 504 ? 503 : error.status;
  const body: SandboxErrorAnswer = {
    code: error.code,
    message: explain(c, error),
    details,
    status_code: status,
    step: status < 500 ? "validation" : "start",
    timestamp: new Date(clock()).toISOString(),
    workspace: c.get("caller").workspace,
    ...(sandboxName !== undefined && { sandbox_name: sandboxName }),
    ...(reason === "CREATION_IN_PROGRESS" && { reason }),
  };
  return c.json(body, status as ContentfulStatusCode);
}

/** Blaxel's command line tries again by itself, after 409 and 500 too, unless it is told not to. */
function sayWhenToRetry(c: ApiContext, { isRetryable, retryAfterS }: AppError): void {
  c.header("X-Should-Retry", String(isRetryable));
  if (retryAfterS !== undefined) c.header("Retry-After", String(retryAfterS));
}

function explain(c: ApiContext, error: AppError): string {
  if (error.code === "INTERNAL")
    return `${error.message}. The server's log tells more under request ${c.get("requestId")}`;
  return error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
}

/** Everything else is the caller's own doing. */
export function logUnexpected(log: ControlPlaneDeps["log"], c: ApiContext, error: AppError): void {
  if (error.code !== "INTERNAL") return;
  const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause);
  log.error({
    event: "request.fail",
    requestId: c.get("requestId"),
    method: c.req.method,
    cause: redactSecrets(cause),
  });
}
