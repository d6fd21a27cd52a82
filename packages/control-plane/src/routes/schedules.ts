import {
  ScheduleCreateRequest,
  ScheduleExecutionListQuery,
  ScheduleListQuery,
  ScheduleMetricsQuery,
  ScheduleUpdateRequest,
} from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { Hono } from "hono";
import { markAsMade } from "../audit/audited.ts";
import { requireAdmin, type ApiContext, type ApiEnv } from "../http/caller.ts";
import { observe } from "../http/observe.ts";
import { DEFAULT_PAGE_LENGTH, wantsPages } from "../http/pages.ts";
import { readBody, readQuery } from "../http/parse.ts";
import type { ControlPlaneDeps } from "../ports.ts";
import { requireSandbox } from "../sandboxes/find-sandbox.ts";
import { createSchedule } from "../schedules/create-schedule.ts";
import { requireSchedule } from "../schedules/find-schedule.ts";
import { scheduleMetrics } from "../schedules/metrics.ts";
import { renderExecution, renderSchedule } from "../schedules/render-schedule.ts";
import { updateSchedule } from "../schedules/update-schedule.ts";

/** `/sandboxes/{sandbox}/schedules` and `/sandboxes/{sandbox}/schedules/{schedule}`. */
export function scheduleRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  const { store } = deps;
  return new Hono<ApiEnv>()
    .get("/", async (c) => listSchedules(deps, c, await findSandbox(deps, c)))
    .post("/", async (c) => {
      const sandbox = await findSandbox(deps, c);
      const request = await readBody(c, ScheduleCreateRequest);
      const operation = { event: "schedule.create", sandbox: sandbox.name };
      const schedule = await observe(deps, c.get("caller"), operation, () => createSchedule(deps, sandbox, request));
      markAsMade(c, schedule.id);
      return c.json(renderSchedule(schedule));
    })
    .get("/:schedule", async (c) => {
      const showSecrets = wantsSecrets(c);
      const schedule = await requireSchedule(store, await findSandbox(deps, c), c.req.param("schedule"));
      return c.json(renderSchedule(schedule, showSecrets));
    })
    .put("/:schedule", async (c) => {
      const schedule = await requireSchedule(store, await findSandbox(deps, c), c.req.param("schedule"));
      const request = await readBody(c, ScheduleUpdateRequest);
      const operation = { event: "schedule.update", sandbox: schedule.sandboxName, schedule: schedule.id };
      const run = () => updateSchedule(deps, schedule, request);
      return c.json(renderSchedule(await observe(deps, c.get("caller"), operation, run)));
    })
    .delete("/:schedule", async (c) => {
      const schedule = await requireSchedule(store, await findSandbox(deps, c), c.req.param("schedule"));
      const operation = { event: "schedule.delete", sandbox: schedule.sandboxName, schedule: schedule.id };
      await observe(deps, c.get("caller"), operation, () => store.schedules.remove(schedule.key));
      return c.json(renderSchedule(schedule));
    });
}

/** `/sandboxes/{sandbox}/schedule-executions`. */
export function sandboxExecutionRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/", async (c) => listExecutions(deps, c, await findSandbox(deps, c)));
}

/** `/schedules` and `/schedules/metrics`: those of every sandbox of the workspace. */
export function workspaceScheduleRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/", (c) => listSchedules(deps, c))
    .get("/metrics", async (c) =>
      c.json(await scheduleMetrics(deps, c.get("caller").workspace, readQuery(c, ScheduleMetricsQuery))),
    );
}

/** `/schedule-executions`: those of every sandbox of the workspace. */
export function workspaceExecutionRoutes(deps: ControlPlaneDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/", (c) => listExecutions(deps, c));
}

async function listSchedules(deps: ControlPlaneDeps, c: ApiContext, sandbox?: SandboxRecord): Promise<Response> {
  const showSecrets = wantsSecrets(c);
  const query = readQuery(c, ScheduleListQuery);
  const limit = query.limit ?? (wantsPages(c) ? DEFAULT_PAGE_LENGTH : undefined);
  const scope = { ...query, limit, sandbox: sandbox?.name ?? query.sandbox };
  const page = await deps.store.schedules.list(c.get("caller").workspace, scope, deps.clock());
  const data = page.records.map((schedule) => renderSchedule(schedule, showSecrets));
  return wantsPages(c) ? c.json({ data, meta: metaOf(page) }) : c.json(data);
}

/** Always in pages: earlier versions of the API had no executions. */
async function listExecutions(deps: ControlPlaneDeps, c: ApiContext, sandbox?: SandboxRecord): Promise<Response> {
  const query = readQuery(c, ScheduleExecutionListQuery);
  const scope = { ...query, limit: query.limit ?? DEFAULT_PAGE_LENGTH, sandbox: sandbox?.name ?? query.sandbox };
  const page = await deps.store.scheduleExecutions.list(c.get("caller").workspace, scope, deps.clock());
  return c.json({ data: page.records.map(renderExecution), meta: metaOf(page) });
}

function metaOf({ nextCursor = "", totalCount }: { nextCursor: string | undefined; totalCount: number }) {
  return { hasMore: nextCursor !== "", nextCursor, total: totalCount };
}

/** @throws {AppError} FORBIDDEN for a member */
function wantsSecrets(c: ApiContext): boolean {
  const isWanted = c.req.query("show_secrets") === "true";
  if (isWanted) requireAdmin(c);
  return isWanted;
}

function findSandbox({ store }: ControlPlaneDeps, c: ApiContext): Promise<SandboxRecord> {
  return requireSandbox(store, c.get("caller").workspace, c.req.param("sandbox") ?? "");
}
