import { toAppError } from "@dormouse/kernel";
import type { SandboxId } from "@dormouse/schema";
import type { ScheduleClaim, WaitingSchedule } from "@dormouse/store";
import { Alarms } from "../alarms.ts";
import { claimOf } from "./claim.ts";
import { cutOffOutcome, runClaim, type RunDeps } from "./run-claim.ts";
import { nextCronTimeMs } from "./timing.ts";

/** Sandboxes that are called at once, one run in each. */
const PARALLEL_RUNS_MAX_COUNT = 32;

/** After a failure, such as a database that is away. */
const RETRY_DELAY_MS = 5000;

/** How late it is noticed that the wall clock went back. */
const CLOCK_CHECK_MS = 30_000;

/** What runs have to be done with when the server stops. */
const STOP_TIMEOUT_MS = 3000;

/**
 * Runs what is due. One alarm is set for the earliest time in the store; every run is claimed there before it is submitted,
 * so that none is submitted twice: one that a crash cuts off is recorded as failed, not repeated.
 */
export class Scheduler implements AsyncDisposable {
  readonly #deps: RunDeps;
  readonly #alarms: Alarms<"next">;
  readonly #busy = new Set<SandboxId>();
  readonly #runs = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #clockCheck: ReturnType<typeof setInterval> | undefined;
  #lastSeenMs: number;
  #pass: Promise<void> | undefined;
  #isPassWanted = false;
  #isClosed = false;

  constructor(deps: RunDeps) {
    this.#deps = deps;
    this.#alarms = new Alarms({ clock: deps.clock, onDue: () => void this.check() });
    this.#lastSeenMs = deps.clock();
  }

  /** Settles what the last server left and begins what was due meanwhile. Call it once the sandboxes are recovered. */
  async start(): Promise<void> {
    const { store, log, clock } = this.#deps;
    const count = await store.scheduleExecutions.finishCutOff(cutOffOutcome(clock()));
    if (count > 0) log.warn({ event: "schedule.recover", outcome: "cut off", count });
    this.#clockCheck = setInterval(() => this.#watchClock(), CLOCK_CHECK_MS);
    this.#clockCheck.unref();
    await this.check();
  }

  /**
   * Begins every run whose time has come and sets the alarm for the next: call it whenever a time was added or moved. Resolves
   * when they have begun. Never rejects.
   */
  check(): Promise<void> {
    this.#isPassWanted = true;
    this.#pass ??= this.#makePasses().finally(() => (this.#pass = undefined));
    return this.#pass;
  }

  /** Resolves when nothing is running and nothing is due. */
  async idle(): Promise<void> {
    while (this.#pass !== undefined || this.#runs.size > 0) await Promise.all([this.#pass, ...this.#runs]);
  }

  /** Lets what is running end; what does not within 3 s is recorded as failed. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#alarms[Symbol.dispose]();
    clearInterval(this.#clockCheck);
    const giveUp = setTimeout(() => this.#stopped.abort(), STOP_TIMEOUT_MS);
    await this.idle();
    clearTimeout(giveUp);
  }

  async #makePasses(): Promise<void> {
    while (this.#isPassWanted && !this.#isClosed) {
      this.#isPassWanted = false;
      try {
        await this.#followClockBack();
        await this.#beginDue();
      } catch (error) {
        this.#deps.log.error({ event: "schedule.check", outcome: "failure", code: toAppError(error).code });
        this.#alarms.set("next", this.#deps.clock() + RETRY_DELAY_MS);
      }
    }
  }

  /** A sandbox has one run at a time: one that does not answer keeps only its own schedules waiting. */
  async #beginDue(): Promise<void> {
    const { store, clock } = this.#deps;
    for (;;) {
      const freeCount = PARALLEL_RUNS_MAX_COUNT - this.#busy.size;
      // The end of a run makes another pass.
      if (freeCount === 0 || this.#isClosed) return;
      const due = await store.schedules.due(clock(), freeCount, [...this.#busy]);
      if (due.length === 0) break;
      for (const schedule of due) {
        if (!this.#busy.has(schedule.sandboxId)) await this.#begin(schedule);
      }
    }
    this.#alarms.set("next", await store.schedules.earliestRunAtMs([...this.#busy]));
  }

  async #begin(schedule: WaitingSchedule): Promise<void> {
    const { store, clock } = this.#deps;
    const claim = claimOf(schedule, clock());
    if (!(await store.scheduleExecutions.begin(claim))) return;
    this.#busy.add(schedule.sandboxId);
    const run = this.#run(claim).finally(() => {
      this.#busy.delete(schedule.sandboxId);
      this.#runs.delete(run);
      void this.check();
    });
    this.#runs.add(run);
  }

  async #run(claim: ScheduleClaim): Promise<void> {
    const { store, log, clock } = this.#deps;
    const { schedule, execution } = claim;
    const outcome = await runClaim(this.#deps, claim, this.#stopped.signal);
    const event = {
      event: "schedule.run",
      sandbox: schedule.sandboxName,
      sandboxId: schedule.sandboxId,
      schedule: schedule.id,
      execution: execution.id,
      statusCode: outcome.statusCode,
      lateMs: outcome.executedAtMs - execution.dueAtMs,
      durationMs: clock() - outcome.executedAtMs,
    };
    try {
      await store.scheduleExecutions.finish(claim, outcome);
      log.info({ ...event, outcome: outcome.status === "succeeded" ? "success" : "failure" });
    } catch (error) {
      // The next start of the server finds it unfinished and records it as cut off.
      log.error({ ...event, outcome: "failure", code: toAppError(error).code });
    }
  }

  #watchClock(): void {
    const nowMs = this.#deps.clock();
    if (nowMs < this.#lastSeenMs) void this.check();
    else this.#lastSeenMs = nowMs;
  }

  /** A clock that was wrong and is set back would leave every `cron` waiting for a time far away. */
  async #followClockBack(): Promise<void> {
    const { store, clock } = this.#deps;
    const nowMs = clock();
    if (nowMs < this.#lastSeenMs) {
      for (const schedule of await store.schedules.crons()) {
        const nextMs = nextCronTimeMs(schedule.value, nowMs);
        if (nextMs !== undefined && nextMs < schedule.nextRunAtMs) await store.schedules.move(schedule, nextMs);
      }
    }
    this.#lastSeenMs = nowMs;
  }
}
