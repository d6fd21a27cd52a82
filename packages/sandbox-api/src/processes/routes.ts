import type { AgentIdle } from "@dormouse/schema";
import type { SandboxApiConfig } from "../config.ts";
import { json } from "../http.ts";
import { JsonFields } from "../json-body.ts";
import type { RequestContext, Route } from "../router.ts";
import { streamExec } from "./exec-stream.ts";
import { loadLibc } from "./libc.ts";
import { streamLog } from "./log-stream.ts";
import { readProcessRequest } from "./process-request.ts";
import type { ProcessTable } from "./process-table.ts";
import { readLogs, renderList, renderStarted, renderWithOutput, TAIL_BYTES } from "./render-process.ts";
import { stdinRoutes } from "./stdin-routes.ts";
import { waitFor } from "./wait.ts";

/** Everything under `/process`, and the platform's own question whether a process keeps the sandbox awake. */
export function processRoutes(config: SandboxApiConfig, table: ProcessTable): Route[] {
  const find = ({ params }: RequestContext) => table.get(params["id"] ?? "");
  const idOf = ({ params }: RequestContext) => params["id"] ?? "";
  return [
    { method: "POST", pattern: "/process", handle: ({ request }) => exec(config, table, request) },
    { method: "GET", pattern: "/process", handle: () => json(renderList(table.list(), config.maxLogsResponseBytes)) },
    { method: "GET", pattern: "/process/:id", handle: (context) => json(renderWithOutput(find(context), TAIL_BYTES)) },
    {
      method: "GET",
      pattern: "/process/:id/logs",
      handle: (context) => json(readLogs(find(context).log, config.maxLogsResponseBytes)),
    },
    { method: "GET", pattern: "/process/:id/logs/stream", handle: (context) => streamLog(find(context)) },
    {
      method: "DELETE",
      pattern: "/process/:id",
      handle: (context) => {
        table.stop(idOf(context));
        return json({ message: "Process stopped successfully" });
      },
    },
    {
      method: "DELETE",
      pattern: "/process/:id/kill",
      handle: async (context) => {
        await table.kill(idOf(context));
        return json({ message: "Process killed successfully" });
      },
    },
    ...stdinRoutes(table),
    {
      method: "GET",
      pattern: "/_dormouse/idle",
      handle: async ({ request, query }) => {
        if (query.get("wait") !== "false") await table.untilNoKeepAlive(request.signal);
        return json({ keepAliveCount: table.keepAliveCount } satisfies AgentIdle);
      },
    },
  ];
}

async function exec(config: SandboxApiConfig, table: ProcessTable, request: Request): Promise<Response> {
  const { spec, wait } = readProcessRequest(await JsonFields.of(request), config);
  if (spec.hasStdin) await loadLibc();
  const accept = request.headers.get("accept") ?? "";
  if (accept.includes("text/event-stream")) {
    table.requireFreeName(spec.name);
    return streamExec(
      () => table.start(spec),
      (started) => waitFor(started, { ...wait, isForCompletion: false }),
      // Ours, for clients that pass on bytes.
      /;\s*encoding=base64\b/.test(accept) ? "base64" : "utf-8",
    );
  }
  const started = table.start(spec);
  await waitFor(started, wait);
  if (!wait.isForCompletion) return json(renderStarted(started));
  return json(renderWithOutput(started, config.maxLogsResponseBytes));
}
