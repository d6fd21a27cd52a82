import { z } from "zod";
import { SandboxListQuery, SandboxName } from "./control-plane.ts";

const INPUT_DEFAULT_TIMEOUT_S = 600;
const INPUT_MAX_TIMEOUT_S = 365 * 86_400;
const KEPT_EXECUTIONS_DEFAULT_COUNT = 100;
const KEPT_EXECUTIONS_MAX_COUNT = 1000;

const WITHOUT_NUL = "must not contain a NUL character";
const Text = z.string().refine((text) => !text.includes("\0"), WITHOUT_NUL);

/** Of a schedule, unique within its sandbox. */
export const ScheduleId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "expected 1 to 64 letters, digits, dots, underscores and hyphens");

/** `sleep` counts from now and is kept as `at`. */
export const ScheduleType = z.enum(["cron", "at", "sleep"], 'expected "cron", "at" or "sleep"');
export type ScheduleType = z.infer<typeof ScheduleType>;

const StoredType = ScheduleType.extract(["cron", "at"]);

/** Five cron fields in UTC, an RFC 3339 time, or a duration such as `30m`: what it must be depends on the type. */
const ScheduleValue = z.string().trim().min(1).max(256);

const EnvName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected letters, digits and underscores, not starting with a digit");

const Input = {
  /** Passed to the shell as one argument. */
  command: Text.min(1, "must not be empty").max(65_536),
  /** Of the process; without it every run has a name of its own. */
  name: Text.min(1).max(128),
  env: z.record(EnvName, Text),
  workingDir: Text.max(4096),
  /** The sandbox stays awake while the process runs. */
  keepAlive: z.boolean(),
  /** Seconds after which a `keepAlive` process is killed, 0 meaning never. */
  timeout: z.int().min(0).max(INPUT_MAX_TIMEOUT_S),
};

const MaxExecutions = z.int().min(1).max(KEPT_EXECUTIONS_MAX_COUNT);

/** Clients send `null` and leave keys out alike; both mean "not set" when something is created. */
const unset = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** What a schedule starts, defaults filled in. */
export const ScheduleInput = z.object({
  command: Input.command,
  name: unset(Input.name),
  env: Input.env.nullish().transform((env) => env ?? {}),
  workingDir: unset(Input.workingDir),
  keepAlive: Input.keepAlive.nullish().transform((isKeptAlive) => isKeptAlive ?? true),
  timeout: Input.timeout.nullish().transform((timeoutS) => timeoutS ?? INPUT_DEFAULT_TIMEOUT_S),
});
export type ScheduleInput = z.infer<typeof ScheduleInput>;

/** Body of `POST /sandboxes/{name}/schedules`. */
export const ScheduleCreateRequest = z.object({
  id: unset(ScheduleId),
  type: ScheduleType,
  value: ScheduleValue,
  input: ScheduleInput,
  maxExecutions: MaxExecutions.nullish().transform((count) => count ?? KEPT_EXECUTIONS_DEFAULT_COUNT),
});
export type ScheduleCreateRequest = z.infer<typeof ScheduleCreateRequest>;

/** Body of `PUT …/schedules/{id}`: the object a GET gave, changed. An absent key keeps, `null` stands for the default. */
export const ScheduleUpdateRequest = z.object({
  type: ScheduleType.nullish(),
  value: ScheduleValue.nullish(),
  input: z
    .object({
      command: Input.command.nullish(),
      name: Input.name.nullish(),
      env: Input.env.nullish(),
      workingDir: Input.workingDir.nullish(),
      keepAlive: Input.keepAlive.nullish(),
      timeout: Input.timeout.nullish(),
    })
    .nullish(),
  maxExecutions: MaxExecutions.nullish(),
});
export type ScheduleUpdateRequest = z.infer<typeof ScheduleUpdateRequest>;

const Sort = z.enum(["createdAt:desc", "createdAt:asc"]).default("createdAt:desc");
const IsoTimeMs = z.iso
  .datetime({ offset: true, error: 'expected a time such as "2030-01-01T00:00:00Z"' })
  .transform((text) => Date.parse(text));
const { limit, cursor, q } = SandboxListQuery.shape;

/** Query of the lists of schedules. As Blaxel does: a type that is never stored finds everything. */
export const ScheduleListQuery = z.object({
  limit,
  cursor,
  sort: Sort,
  q,
  type: StoredType.optional().catch(undefined),
  sandbox: z.string().optional(),
});
export type ScheduleListQuery = z.infer<typeof ScheduleListQuery>;

export const ScheduleExecutionStatus = z.enum(["succeeded", "failed"]);
export type ScheduleExecutionStatus = z.infer<typeof ScheduleExecutionStatus>;

/** Query of the lists of executions; `since` and `until` are inclusive bounds of their creation. */
export const ScheduleExecutionListQuery = z.object({
  limit,
  cursor,
  sort: Sort,
  q,
  status: ScheduleExecutionStatus.optional(),
  sandbox: z.string().optional(),
  /** Id of a schedule. */
  schedule: z.string().optional(),
  since: IsoTimeMs.optional(),
  until: IsoTimeMs.optional(),
});
export type ScheduleExecutionListQuery = z.infer<typeof ScheduleExecutionListQuery>;

/** Query of `GET /schedules/metrics`: a window from `since` until before `until`, cut to whole minutes. */
export const ScheduleMetricsQuery = z.object({ since: IsoTimeMs.optional(), until: IsoTimeMs.optional() });
export type ScheduleMetricsQuery = z.infer<typeof ScheduleMetricsQuery>;

/** A schedule as `…/schedules` answers it; the values of its environment are masked. */
export const ScheduleAnswer = z.object({
  id: ScheduleId,
  type: StoredType,
  value: z.string(),
  input: z.object({
    command: z.string(),
    name: z.string().optional(),
    env: z.record(z.string(), z.string()).optional(),
    workingDir: z.string().optional(),
    keepAlive: z.boolean(),
    /** Seconds. */
    timeout: z.number(),
  }),
  /** How many of its executions are kept. */
  maxExecutions: z.number(),
  sandbox: SandboxName,
  createdAt: z.string(),
});
export type ScheduleAnswer = z.infer<typeof ScheduleAnswer>;

/** One run of a schedule. It says whether the sandbox took the command, not how the process ended. */
export const ScheduleExecutionAnswer = z.object({
  id: z.string(),
  scheduleId: ScheduleId,
  sandbox: SandboxName,
  status: ScheduleExecutionStatus,
  /** Of the sandbox's answer; 0 when there was none. */
  statusCode: z.number(),
  executedAt: z.string(),
  processName: z.string(),
  /** Seconds. */
  timeout: z.number(),
  /** Absent when the sandbox took the command. */
  error: z.string().optional(),
  createdAt: z.string(),
});
export type ScheduleExecutionAnswer = z.infer<typeof ScheduleExecutionAnswer>;

export const ScheduleMetricsAnswer = z.object({
  since: z.string(),
  until: z.string(),
  executions: z.number(),
  executionsByStatus: z.object({ succeeded: z.number(), failed: z.number() }),
  /** Deployed ones of the workspace. */
  sandboxes: z.number(),
  schedules: z.number(),
});
export type ScheduleMetricsAnswer = z.infer<typeof ScheduleMetricsAnswer>;
