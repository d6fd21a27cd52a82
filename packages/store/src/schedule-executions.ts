import type {
  SandboxId,
  SandboxName,
  ScheduleExecutionListQuery,
  ScheduleExecutionStatus,
  WorkspaceName,
} from "@dormouse/schema";
import type { Insertable, Kysely, Selectable, Transaction } from "kysely";
import { encodeCursor, readingOrder, startAfter } from "./cursor.ts";
import { lockSandbox, type ScheduleRecord, type WaitingSchedule } from "./schedules.ts";
import { matchesWords } from "./search-text.ts";
import type { ScheduleExecutionsTable, Tables } from "./tables.ts";
import type { Page } from "./page.ts";

/** An execution that begins. */
export interface NewExecution {
  readonly id: string;
  /** The time of the schedule this is the run of: there is one run for each. */
  readonly dueAtMs: number;
  /** Of the process it starts. */
  readonly processName: string;
  readonly createdAtMs: number;
}

export interface ExecutionOutcome {
  readonly status: ScheduleExecutionStatus;
  /** Of the sandbox's answer; 0 when there was none. */
  readonly statusCode: number;
  readonly error: string | undefined;
  readonly executedAtMs: number;
}

/** An execution that has its outcome; the others are not shown. */
export interface ExecutionRecord extends NewExecution, ExecutionOutcome {
  readonly sandboxId: SandboxId;
  readonly sandboxName: SandboxName;
  readonly scheduleId: string;
  readonly timeoutS: number;
}

/** The run of a schedule that is due: it begins at most once, whoever tries. */
export interface ScheduleClaim {
  readonly schedule: WaitingSchedule;
  /** When it runs after that, if it does. */
  readonly nextRunAtMs: number | undefined;
  readonly execution: NewExecution;
}

type ExecutionRow = Selectable<ScheduleExecutionsTable> & { readonly sandbox_name: string | null };

/** Of the schedules that are gone, those that ran once among them: together so many a sandbox. */
const ORPHANS_MAX_COUNT = 100;

/** Rows of `schedule_executions`. */
export class ScheduleExecutionRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** False when the run is not to begin: it has begun already, was moved, or its sandbox is gone. */
  async begin({ schedule, nextRunAtMs, execution }: ScheduleClaim): Promise<boolean> {
    return this.#db.transaction().execute(async (transaction) => {
      if (!(await lockSandbox(transaction, schedule.sandboxId))) return false;
      const moved = await transaction
        .updateTable("schedules")
        .set({ next_run_at_ms: nextRunAtMs ?? null })
        .where("id", "=", schedule.key)
        .where("next_run_at_ms", "=", schedule.nextRunAtMs)
        .returning("id")
        .executeTakeFirst();
      if (moved === undefined) return false;
      const inserted = await transaction
        .insertInto("schedule_executions")
        .values(toRow(schedule, execution))
        .onConflict((conflict) => conflict.doNothing())
        .returning("id")
        .executeTakeFirst();
      return inserted !== undefined;
    });
  }

  /** Keeps the outcome unless there is one, forgets executions that are too many, and a schedule that will not run again. */
  async finish({ schedule, execution }: ScheduleClaim, outcome: ExecutionOutcome): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      if (!(await lockSandbox(transaction, schedule.sandboxId))) return;
      await transaction
        .updateTable("schedule_executions")
        .set({
          status: outcome.status,
          status_code: outcome.statusCode,
          error: outcome.error ?? null,
          executed_at_ms: outcome.executedAtMs,
        })
        .where("id", "=", execution.id)
        .where("status", "is", null)
        .execute();
      await transaction
        .deleteFrom("schedules")
        .where("id", "=", schedule.key)
        .where("next_run_at_ms", "is", null)
        .execute();
      await pruneExecutions(transaction, schedule);
    });
  }

  /** Gives what was cut off its outcome; for the start of the server. Returns how many there were. */
  async finishCutOff(outcome: ExecutionOutcome): Promise<number> {
    return this.#db.transaction().execute(async (transaction) => {
      const cutOff = await transaction
        .updateTable("schedule_executions")
        .set({ status: outcome.status, status_code: outcome.statusCode, error: outcome.error ?? null })
        .where("status", "is", null)
        .returning("id")
        .execute();
      await transaction.deleteFrom("schedules").where("next_run_at_ms", "is", null).execute();
      return cutOff.length;
    });
  }

  /** @throws {AppError} INVALID_ARGUMENT for a cursor of another list, or an old one. */
  async list(
    workspace: WorkspaceName,
    query: ScheduleExecutionListQuery,
    nowMs: number,
  ): Promise<Page<ExecutionRecord>> {
    const { limit, cursor, ...filters } = query;
    const matching = matchExecutions(this.#db, workspace, filters);
    const { count } = await matching
      .clearSelect()
      .select((eb) => eb.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    const list = { sort: filters.sort, q: JSON.stringify(["executions", filters]) };
    const { direction } = readingOrder(list);
    let page = matching.orderBy("created_at_ms", direction).orderBy("id", direction);
    if (cursor !== undefined) page = page.where(startAfter(list, cursor, nowMs));
    if (limit !== undefined) page = page.limit(limit + 1);
    const rows = await page.execute();
    const shown = rows.slice(0, limit);
    const last = rows.length > shown.length ? shown.at(-1) : undefined;
    const nextCursor = last && encodeCursor(list, { ...last, name: "" }, nowMs);
    return { records: shown.map(fromRow), nextCursor, totalCount: count };
  }

  /** How many there are of each outcome, created from `sinceMs` until before `untilMs`. */
  async count(
    workspace: WorkspaceName,
    { sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number },
  ): Promise<Readonly<Record<ScheduleExecutionStatus, number>>> {
    const window = { sort: "createdAt:desc", since: sinceMs, until: untilMs - 1 } as const;
    const rows = await matchExecutions(this.#db, workspace, window)
      .clearSelect()
      .select((eb) => ["status", eb.fn.countAll<number>().as("count")])
      .groupBy("status")
      .execute();
    const countOf = (wanted: ScheduleExecutionStatus) => rows.find(({ status }) => status === wanted)?.count ?? 0;
    return { succeeded: countOf("succeeded"), failed: countOf("failed") };
  }
}

function matchExecutions(
  db: Kysely<Tables>,
  workspace: WorkspaceName,
  query: Omit<ScheduleExecutionListQuery, "limit" | "cursor">,
) {
  let matching = db
    .selectFrom("schedule_executions")
    .selectAll("schedule_executions")
    .select((eb) =>
      eb
        .selectFrom("sandboxes")
        .select("sandboxes.name")
        .whereRef("sandboxes.id", "=", "schedule_executions.sandbox_id")
        .as("sandbox_name"),
    )
    .where("sandbox_id", "in", (eb) => {
      const sandboxes = eb
        .selectFrom("sandboxes")
        .select("sandboxes.id")
        .where("sandboxes.workspace", "=", workspace)
        .where("sandboxes.status", "not in", ["DELETING", "TERMINATED"]);
      return query.sandbox === undefined ? sandboxes : sandboxes.where("name", "=", query.sandbox);
    })
    .where("status", "is not", null);
  if (query.status !== undefined) matching = matching.where("status", "=", query.status);
  if (query.schedule !== undefined) matching = matching.where("schedule_id", "=", query.schedule);
  if (query.since !== undefined) matching = matching.where("created_at_ms", ">=", query.since);
  if (query.until !== undefined) matching = matching.where("created_at_ms", "<=", query.until);
  return query.q === undefined ? matching : matching.where(matchesWords(query.q));
}

async function pruneExecutions(transaction: Transaction<Tables>, schedule: ScheduleRecord): Promise<void> {
  const ended = transaction
    .selectFrom("schedule_executions")
    .select("id")
    .where("sandbox_id", "=", schedule.sandboxId)
    .where("status", "is not", null)
    .orderBy("created_at_ms", "desc")
    .orderBy("id", "desc")
    // SQLite takes no offset without a limit; what is beyond it goes the next time.
    .limit(1000);
  const tooOld = ended.where("schedule_id", "=", schedule.id).offset(schedule.maxExecutions);
  const orphans = ended
    .where("schedule_id", "not in", (eb) =>
      eb.selectFrom("schedules").select("schedules.schedule_id").where("sandbox_id", "=", schedule.sandboxId),
    )
    .offset(ORPHANS_MAX_COUNT);
  await transaction.deleteFrom("schedule_executions").where("id", "in", tooOld).execute();
  await transaction.deleteFrom("schedule_executions").where("id", "in", orphans).execute();
}

function toRow(schedule: ScheduleRecord, execution: NewExecution): Insertable<ScheduleExecutionsTable> {
  return {
    id: execution.id,
    sandbox_id: schedule.sandboxId,
    schedule_id: schedule.id,
    due_at_ms: execution.dueAtMs,
    process_name: execution.processName,
    timeout_s: schedule.input.timeout,
    status: null,
    status_code: 0,
    error: null,
    search_text: [schedule.id, execution.processName].join("\n").toLowerCase(),
    created_at_ms: execution.createdAtMs,
    executed_at_ms: execution.createdAtMs,
  };
}

/** Rows are only ever written here, so what they hold is trusted, not parsed again. */
function fromRow(row: ExecutionRow): ExecutionRecord {
  return {
    id: row.id,
    sandboxId: row.sandbox_id as SandboxId,
    sandboxName: row.sandbox_name as SandboxName,
    scheduleId: row.schedule_id,
    dueAtMs: row.due_at_ms,
    processName: row.process_name,
    timeoutS: row.timeout_s,
    status: row.status as ScheduleExecutionStatus,
    statusCode: row.status_code,
    error: row.error ?? undefined,
    createdAtMs: row.created_at_ms,
    executedAtMs: row.executed_at_ms,
  };
}
