import { AppError, redactSecrets } from "@dormouse/kernel";
import type { ProcessRequest } from "@dormouse/schema";
import type { ExecutionOutcome, ScheduleClaim } from "@dormouse/store";
import type { ControlPlaneDeps, SandboxCalls } from "../ports.ts";
import { isMissed } from "./claim.ts";

/** Enough to restart a sandbox whose processes have all ended; an answer to a start needs milliseconds. */
const ANSWER_TIMEOUT_MS = 30_000;

export interface RunDeps extends Pick<ControlPlaneDeps, "store" | "clock" | "log"> {
  readonly calls: SandboxCalls;
}

type Result = Omit<ExecutionOutcome, "executedAtMs">;

/** Submits the command of a run that has begun, and says what became of that. Never rejects. */
export async function runClaim(deps: RunDeps, claim: ScheduleClaim, stopped: AbortSignal): Promise<ExecutionOutcome> {
  const executedAtMs = deps.clock();
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  try {
    return { ...(await submit(deps, claim, signal)), executedAtMs };
  } catch (error) {
    return { ...(signal.aborted ? withoutAnswer(stopped) : unreachable(deps, error)), executedAtMs };
  }
}

/** What is known of a run whose server ended between its beginning and the sandbox's answer. */
export const cutOffOutcome = (nowMs: number): ExecutionOutcome => ({
  ...failed("Cannot tell whether the command was started: the server ended while submitting it"),
  executedAtMs: nowMs,
});

async function submit({ store, calls }: RunDeps, claim: ScheduleClaim, signal: AbortSignal): Promise<Result> {
  const { schedule, execution } = claim;
  if (isMissed(claim)) {
    const due = new Date(execution.dueAtMs).toISOString();
    return failed(`Cannot run the command: its time, ${due}, was missed by more than an hour`);
  }
  const status = (await store.sandboxes.findById(schedule.sandboxId))?.status ?? "gone";
  if (status !== "DEPLOYED") return failed(`Cannot run the command: sandbox "${schedule.sandboxName}" is ${status}`);
  const answer = await calls.startProcess(schedule.sandboxId, processOf(claim), signal);
  if (answer.status < 400) return { status: "succeeded", statusCode: answer.status, error: undefined };
  const error = `Sandbox "${schedule.sandboxName}" refused the command: ${answer.error ?? "it did not say why"}`;
  return { status: "failed", statusCode: answer.status, error };
}

function processOf({ schedule, execution }: ScheduleClaim): ProcessRequest {
  return { ...schedule.input, name: execution.processName };
}

function withoutAnswer(stopped: AbortSignal): Result {
  const reason = stopped.aborted ? "the server stopped while" : `no answer within ${ANSWER_TIMEOUT_MS / 1000} s of`;
  return failed(`Cannot tell whether the command was started: ${reason} submitting it`);
}

function unreachable({ log }: RunDeps, thrown: unknown): Result {
  if (thrown instanceof AppError) return failed(thrown.message);
  log.error({ event: "schedule.fail", cause: redactSecrets(String(thrown)) });
  return failed("Cannot run the command: an unexpected error occurred");
}

const failed = (error: string): Result => ({ status: "failed", statusCode: 0, error });
