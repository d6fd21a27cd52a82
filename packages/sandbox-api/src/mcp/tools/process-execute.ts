import { AppError } from "@dormouse/kernel";
import type { SandboxApiConfig } from "../../config.ts";
import { JsonFields } from "../../json-body.ts";
import type { ManagedProcess } from "../../processes/managed-process.ts";
import { readProcessRequest, type WaitSpec } from "../../processes/process-request.ts";
import type { ProcessTable } from "../../processes/process-table.ts";
import { readLogs, TAIL_BYTES } from "../../processes/render-process.ts";
import { waitForPorts } from "../../processes/wait.ts";
import { after } from "../../timers.ts";
import { boolean, integer, list, map, optional, string, type ValuesOf } from "../fields.ts";
import { defineTool, type Tool } from "../tool.ts";

const DEFAULT_WORKING_DIRECTORY = "/";
const DEFAULT_WAIT_SECONDS = 30;
/** Edges in front of us give a request about a minute: a longer wait would lose the answer, and with it the process id. */
const LONGEST_WAIT_SECONDS = 58;

const INPUT = {
  command: string("Command line, run by the shell"),
  name: optional(string("Name to find it by later; made up when left out")),
  workingDir: optional(string("Directory to run in, / when left out")),
  env: optional(map("Environment variables, on top of the sandbox's own", string("Value"))),
  waitForCompletion: optional(boolean("Wait for its end and get its output; false when left out")),
  timeout: optional(
    integer(
      "Seconds to wait at most, 30 when left out; the process goes on afterwards. With keepAlive the process is killed when they have passed: 600 when left out, 0 for never",
    ),
  ),
  waitForPorts: optional(list("Wait until it listens on all of these ports", integer("Port"))),
  restartOnFailure: optional(boolean("Start it again when it fails; false when left out")),
  maxRestarts: optional(integer("How often at most; negative means unlimited")),
  keepAlive: optional(boolean("Keep the sandbox awake while it runs; false when left out")),
};

const OUTPUT = {
  pid: string("Process id, to be used as identifier"),
  name: string("Name, to be used as identifier"),
  status: string("running, completed, failed, killed or stopped"),
  exitCode: integer("0 while it runs, -1 when ended by a signal"),
  logs: optional(string("stdout, then stderr; there when waiting for completion")),
  message: optional(string("What to do next")),
  pollRequired: optional(boolean("True when the wait is over and the process is not")),
};

interface Context {
  readonly config: SandboxApiConfig;
  readonly processes: ProcessTable;
  readonly longestWaitSeconds: number;
}

/** The tool that starts processes. A caller who leaves ends the wait, never the process. */
export function processExecuteTool(
  config: SandboxApiConfig,
  processes: ProcessTable,
  longestWaitSeconds = LONGEST_WAIT_SECONDS,
): Tool {
  const context: Context = { config, processes, longestWaitSeconds };
  return defineTool({
    name: "processExecute",
    description:
      "Run a shell command in the sandbox. Without waitForCompletion it returns at once and the process goes on; waits end after 58 seconds at the latest: then poll with processGet.",
    hints: { title: "Execute a command", destructiveHint: true },
    input: INPUT,
    output: OUTPUT,
    call: (input, signal) => execute(context, input, signal),
  });
}

async function execute(
  { config, processes, longestWaitSeconds }: Context,
  input: ValuesOf<typeof INPUT>,
  signal: AbortSignal,
): Promise<ValuesOf<typeof OUTPUT>> {
  const timeout = input.keepAlive === true ? {} : { timeout: DEFAULT_WAIT_SECONDS };
  const fields = new JsonFields({ workingDir: DEFAULT_WORKING_DIRECTORY, ...timeout, ...input });
  const { spec, wait } = readProcessRequest(fields, config);
  const started = processes.start(spec);
  const askedSeconds = wait.timeoutSeconds ?? Infinity;
  const isOver = await waitUntilOver(started, wait, {
    timeoutSeconds: Math.min(askedSeconds, longestWaitSeconds),
    signal,
  });
  if (!isOver && askedSeconds <= longestWaitSeconds) throw timedOut(started, wait);
  const { pid, status, exitCode } = started;
  const shown = { pid: String(pid), name: spec.name, status, exitCode };
  if (!isOver) return { ...shown, ...pollLater(started, longestWaitSeconds) };
  if (!wait.isForCompletion) return shown;
  return { ...shown, logs: readLogs(started.log, config.maxLogsResponseBytes).logs };
}

interface Patience {
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/** Ports first, then the end, as asked. False when patience ended before. @throws {AppError} UNPROCESSABLE when no process is left that could listen. */
async function waitUntilOver(started: ManagedProcess, wait: WaitSpec, patience: Patience): Promise<boolean> {
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  const stop = new AbortController();
  const end = () => {
    stop.abort();
    resolve();
  };
  const timer = after(patience.timeoutSeconds * 1000, end);
  patience.signal.addEventListener("abort", end, { once: true });
  try {
    if (wait.ports.length > 0) await Promise.race([waitForPorts(started, wait.ports, stop.signal), stopped]);
    if (wait.isForCompletion) await Promise.race([started.finished, stopped]);
  } finally {
    timer[Symbol.dispose]();
    patience.signal.removeEventListener("abort", end);
  }
  return !stop.signal.aborted || (wait.isForCompletion && started.hasFinished);
}

function timedOut(started: ManagedProcess, wait: WaitSpec): AppError {
  const what = wait.ports.length > 0 && !wait.isForCompletion ? "waiting for ports after" : "after";
  const next = `it goes on with pid ${started.pid}, see processGet and processGetLogs`;
  return new AppError("UNPROCESSABLE", `process timed out ${what} ${wait.timeoutSeconds} seconds: ${next}`);
}

function pollLater(started: ManagedProcess, waitedSeconds: number) {
  const next = `poll processGet with identifier "${started.pid}" until its status is no longer running`;
  const message = `Not done after ${waitedSeconds} seconds: ${next}`;
  return { logs: readLogs(started.log, TAIL_BYTES).logs, message, pollRequired: true };
}
