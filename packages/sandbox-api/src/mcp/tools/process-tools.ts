import type { SandboxApiConfig } from "../../config.ts";
import type { ProcessTable } from "../../processes/process-table.ts";
import { readLogs, renderList, renderWithOutput, TAIL_BYTES } from "../../processes/render-process.ts";
import { boolean, integer, list, nullable, openObject, string } from "../fields.ts";
import { defineTool, type Tool } from "../tool.ts";

const IDENTIFIER = { identifier: string("Process id or name; of several with one name the latest") };

const PROCESS = {
  pid: string("Process id"),
  name: string("Name, given or made up"),
  command: string("Command line"),
  workingDir: string("Directory as it was given"),
  status: string("running, completed, failed, killed or stopped"),
  startedAt: string("HTTP date"),
  completedAt: nullable(string("HTTP date, empty or null while it runs")),
  exitCode: integer("0 while it runs, -1 when ended by a signal"),
  logs: nullable(string("End of stdout and of stderr")),
  stdout: nullable(string("End of stdout")),
  stderr: nullable(string("End of stderr")),
  restartOnFailure: boolean("Whether a failure starts it again"),
  maxRestarts: integer("Negative means unlimited"),
  restartCount: integer("Restarts so far"),
  keepAlive: boolean("Whether it keeps the sandbox awake"),
};

/** Tools that look at processes and end them. */
export function processTools(config: SandboxApiConfig, table: ProcessTable): Tool[] {
  return [
    defineTool({
      name: "processesList",
      description: "List every process started in this sandbox, running or not, with the end of its output.",
      hints: { title: "List processes", readOnlyHint: true },
      input: {},
      output: { processes: list("In the order they were started", openObject("A process", PROCESS)) },
      call: () => ({ processes: renderList(table.list(), config.maxLogsResponseBytes) }),
    }),
    defineTool({
      name: "processGet",
      description: "Get one process by its id or name: status, exit code and the end of its output.",
      hints: { title: "Get a process", readOnlyHint: true },
      input: IDENTIFIER,
      output: PROCESS,
      failure: "failed to get process",
      call: ({ identifier }) => renderWithOutput(table.get(identifier), TAIL_BYTES),
    }),
    defineTool({
      name: "processGetLogs",
      description: "Get what a process has written so far, stdout first, then stderr.",
      hints: { title: "Get the logs of a process", readOnlyHint: true },
      input: IDENTIFIER,
      output: { logs: string("stdout, then stderr") },
      failure: "failed to get process logs",
      call: ({ identifier }) => ({ logs: readLogs(table.get(identifier).log, config.maxLogsResponseBytes).logs }),
    }),
    ...endingTools(table),
  ];
}

function endingTools(table: ProcessTable): Tool[] {
  return [
    defineTool({
      name: "processStop",
      description: "Ask a running process and its children to end (SIGTERM). Use processKill when it does not.",
      hints: { title: "Stop a process", destructiveHint: true },
      input: IDENTIFIER,
      output: { status: string("stopped") },
      failure: "failed to stop process",
      call: ({ identifier }) => {
        table.stop(identifier);
        return { status: "stopped" };
      },
    }),
    defineTool({
      name: "processKill",
      description: "End a process and its children at once (SIGKILL).",
      hints: { title: "Kill a process", destructiveHint: true },
      input: IDENTIFIER,
      output: { status: string("killed") },
      failure: "failed to kill process",
      call: async ({ identifier }) => {
        await table.kill(identifier);
        return { status: "killed" };
      },
    }),
  ];
}
