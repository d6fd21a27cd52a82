import { AppError } from "@dormouse/kernel";
import type { SandboxId, SandboxName, ScheduleInput, ScheduleListQuery, WorkspaceName } from "@dormouse/schema";
import type { Insertable, Kysely, Selectable, Transaction } from "kysely";
import { encodeCursor, readingOrder, startAfter } from "./cursor.ts";
import { matchesWords } from "./search-text.ts";
import type { SchedulesTable, Tables } from "./tables.ts";
import type { Page } from "./page.ts";

export interface ScheduleRecord {
  /** Unique in the installation and unknown to clients. */
  readonly key: string;
  /** Unique within its sandbox. */
  readonly id: string;
  readonly sandboxId: SandboxId;
  readonly sandboxName: SandboxName;
  readonly type: "cron" | "at";
  readonly value: string;
  readonly input: ScheduleInput;
  /** How many of its executions are kept. */
  readonly maxExecutions: number;
  /** `undefined` once its last run has begun. */
  readonly nextRunAtMs: number | undefined;
  readonly createdAtMs: number;
}

/** Columns a later write may change. */
export type ScheduleChange = Partial<
  Pick<ScheduleRecord, "type" | "value" | "input" | "maxExecutions" | "nextRunAtMs">
>;

/** One that still has a run before it. */
export type WaitingSchedule = ScheduleRecord & { readonly nextRunAtMs: number };

type ScheduleRow = Selectable<SchedulesTable> & { readonly sandbox_name: string | null };

export const SCHEDULES_PER_SANDBOX_MAX_COUNT = 100;

/** Rows of `schedules`. What belongs to a sandbox that is being deleted, or has expired, is not seen any more. */
export class ScheduleRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** @throws {AppError} SANDBOX_NOT_FOUND, SCHEDULE_ALREADY_EXISTS, INVALID_ARGUMENT when the sandbox has no room for one more */
  async insert(record: ScheduleRecord): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      if (!(await lockSandbox(transaction, record.sandboxId))) throw sandboxGone(record);
      const { count } = await transaction
        .selectFrom("schedules")
        .where("sandbox_id", "=", record.sandboxId)
        .select((eb) => eb.fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      if (count >= SCHEDULES_PER_SANDBOX_MAX_COUNT) throw tooMany(record);
      const inserted = await transaction
        .insertInto("schedules")
        .values(toRow(record))
        .onConflict((conflict) => conflict.doNothing())
        .returning("id")
        .executeTakeFirst();
      if (inserted === undefined) throw alreadyExists(record);
    });
  }

  async find(sandboxId: SandboxId, id: string): Promise<ScheduleRecord | undefined> {
    const row = await selectSchedules(this.#db)
      .where("sandbox_id", "=", sandboxId)
      .where("schedule_id", "=", id)
      .executeTakeFirst();
    return row && fromRow(row);
  }

  /** @throws {AppError} INVALID_ARGUMENT for a cursor of another list, or an old one. */
  async list(workspace: WorkspaceName, query: ScheduleListQuery, nowMs: number): Promise<Page<ScheduleRecord>> {
    let matching = selectSchedules(this.#db).where("sandbox_id", "in", (eb) => {
      const sandboxes = eb.selectFrom("sandboxes").select("sandboxes.id").where("workspace", "=", workspace);
      return query.sandbox === undefined ? sandboxes : sandboxes.where("name", "=", query.sandbox);
    });
    if (query.type !== undefined) matching = matching.where("type", "=", query.type);
    if (query.q !== undefined) matching = matching.where(matchesWords(query.q));
    const { count } = await matching
      .clearSelect()
      .select((eb) => eb.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    const list = { sort: query.sort, q: JSON.stringify(["schedules", query.q, query.type, query.sandbox]) };
    const { direction } = readingOrder(list);
    let page = matching.orderBy("created_at_ms", direction).orderBy("id", direction);
    if (query.cursor !== undefined) page = page.where(startAfter(list, query.cursor, nowMs));
    if (query.limit !== undefined) page = page.limit(query.limit + 1);
    const rows = await page.execute();
    const shown = rows.slice(0, query.limit);
    const last = rows.length > shown.length ? shown.at(-1) : undefined;
    const nextCursor = last && encodeCursor(list, { ...last, name: "" }, nowMs);
    return { records: shown.map(fromRow), nextCursor, totalCount: count };
  }

  /** The changed record; `undefined` if it is gone. */
  async change(key: string, change: ScheduleChange): Promise<ScheduleRecord | undefined> {
    return this.#db.transaction().execute(async (transaction) => {
      const row = await selectSchedules(transaction).where("id", "=", key).forUpdate().executeTakeFirst();
      if (row === undefined) return undefined;
      const changed = { ...fromRow(row), ...change };
      await transaction.updateTable("schedules").set(toRow(changed)).where("id", "=", key).execute();
      return changed;
    });
  }

  /** Idempotent. Its executions stay. */
  async remove(key: string): Promise<void> {
    await this.#db.deleteFrom("schedules").where("id", "=", key).execute();
  }

  /** Of every workspace, the most overdue first. */
  async due(nowMs: number, limit: number, except: readonly SandboxId[]): Promise<WaitingSchedule[]> {
    let due = selectSchedules(this.#db).where("next_run_at_ms", "<=", nowMs);
    if (except.length > 0) due = due.where("sandbox_id", "not in", except);
    const rows = await due.orderBy("next_run_at_ms").limit(limit).execute();
    return rows.map(fromRow).filter(isWaiting);
  }

  /** When the next run of all is due; `undefined` when none will be. */
  async earliestRunAtMs(except: readonly SandboxId[]): Promise<number | undefined> {
    let waiting = selectSchedules(this.#db).where("next_run_at_ms", "is not", null);
    if (except.length > 0) waiting = waiting.where("sandbox_id", "not in", except);
    const first = await waiting.orderBy("next_run_at_ms").limit(1).executeTakeFirst();
    return first?.next_run_at_ms ?? undefined;
  }

  /** Of every workspace. */
  async crons(): Promise<WaitingSchedule[]> {
    const rows = await selectSchedules(this.#db).where("type", "=", "cron").execute();
    return rows.map(fromRow).filter(isWaiting);
  }

  /** Moves the next run of a schedule that nobody has changed or run meanwhile. */
  async move({ key, nextRunAtMs }: WaitingSchedule, toMs: number): Promise<void> {
    await this.#db
      .updateTable("schedules")
      .set({ next_run_at_ms: toMs })
      .where("id", "=", key)
      .where("next_run_at_ms", "=", nextRunAtMs)
      .execute();
  }
}

const isWaiting = (schedule: ScheduleRecord): schedule is WaitingSchedule => schedule.nextRunAtMs !== undefined;

/**
 * Every transaction here takes the sandbox first, as its deletion does: two that took their rows in different orders would
 * wait for each other. False when the sandbox is going or gone.
 */
export async function lockSandbox(transaction: Transaction<Tables>, id: SandboxId): Promise<boolean> {
  const sandbox = await transaction
    .selectFrom("sandboxes")
    .select("status")
    .where("id", "=", id)
    .forUpdate()
    .executeTakeFirst();
  return sandbox !== undefined && sandbox.status !== "DELETING" && sandbox.status !== "TERMINATED";
}

const selectSchedules = (db: Kysely<Tables>) =>
  db
    .selectFrom("schedules")
    .selectAll("schedules")
    .select((eb) =>
      eb
        .selectFrom("sandboxes")
        .select("sandboxes.name")
        .whereRef("sandboxes.id", "=", "schedules.sandbox_id")
        .as("sandbox_name"),
    )
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom("sandboxes")
          .select("sandboxes.id")
          .whereRef("sandboxes.id", "=", "schedules.sandbox_id")
          .where("sandboxes.status", "not in", ["DELETING", "TERMINATED"]),
      ),
    );

function sandboxGone({ sandboxName }: ScheduleRecord): AppError {
  return new AppError("SANDBOX_NOT_FOUND", `Cannot create a schedule: sandbox "${sandboxName}" is gone`);
}

function tooMany({ sandboxName }: ScheduleRecord): AppError {
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot create a schedule: sandbox "${sandboxName}" already has ${SCHEDULES_PER_SANDBOX_MAX_COUNT}`,
    { hint: "Delete one that is no longer needed" },
  );
}

function alreadyExists({ id, sandboxName }: ScheduleRecord): AppError {
  return new AppError("SCHEDULE_ALREADY_EXISTS", `Cannot create schedule "${id}": sandbox "${sandboxName}" has one`, {
    hint: "Leave the id out, choose another one, or update the schedule that has it",
  });
}

function toRow(record: ScheduleRecord): Insertable<SchedulesTable> {
  const { command, name = "" } = record.input;
  return {
    id: record.key,
    sandbox_id: record.sandboxId,
    schedule_id: record.id,
    type: record.type,
    value: record.value,
    input: JSON.stringify(record.input),
    max_executions: record.maxExecutions,
    search_text: [record.id, name, command].join("\n").toLowerCase(),
    next_run_at_ms: record.nextRunAtMs ?? null,
    created_at_ms: record.createdAtMs,
  };
}

/** Rows are only ever written by `toRow`, so what they hold is trusted, not parsed again. */
function fromRow(row: ScheduleRow): ScheduleRecord {
  return {
    key: row.id,
    id: row.schedule_id,
    sandboxId: row.sandbox_id as SandboxId,
    sandboxName: row.sandbox_name as SandboxName,
    type: row.type as "cron" | "at",
    value: row.value,
    input: JSON.parse(row.input) as ScheduleInput,
    maxExecutions: row.max_executions,
    nextRunAtMs: row.next_run_at_ms ?? undefined,
    createdAtMs: row.created_at_ms,
  };
}
