import type { ProcessLogs, ProcessResponse } from "@dormouse/schema";
import type { ManagedProcess } from "./managed-process.ts";
import type { OutputLog, StreamName } from "./output-log.ts";

/** Output shown per stream where the caller did not ask for logs. */
export const TAIL_BYTES = 64 * 1024;

const TRUNCATED = "[... truncated, see the process log file for the full output ...]\n";

type ShownOutput = { readonly [K in "stdout" | "stderr" | "logs"]: string | null };

const NO_OUTPUT_YET: ShownOutput = { stdout: "", stderr: "", logs: null };
const OUTPUT_LEFT_OUT: ShownOutput = { stdout: null, stderr: null, logs: null };

/** As exec answers when it did not wait. */
export function renderStarted(started: ManagedProcess): ProcessResponse {
  return render(started, NO_OUTPUT_YET);
}

/** With up to `maxBytesPerStream` of the end of its output. */
export function renderWithOutput(shown: ManagedProcess, maxBytesPerStream: number): ProcessResponse {
  return render(shown, readLogs(shown.log, maxBytesPerStream));
}

/** All of them, newest output first in a budget of `maxOutputBytes`; the others come without. */
export function renderList(processes: readonly ManagedProcess[], maxOutputBytes: number): ProcessResponse[] {
  let leftBytes = maxOutputBytes;
  const render = (shown: ManagedProcess): ProcessResponse => {
    const response = leftBytes > 0 ? renderWithOutput(shown, TAIL_BYTES) : renderWithout(shown);
    leftBytes -= response.logs?.length ?? 0;
    return response.completedAt === "" ? { ...response, completedAt: null } : response;
  };
  return processes.toReversed().map(render).toReversed();
}

/** Up to `maxBytesPerStream` of the end of each stream, as the files hold it now. */
export function readLogs(log: OutputLog, maxBytesPerStream: number): ProcessLogs {
  log.look();
  const stdout = readTail(log, "stdout", maxBytesPerStream);
  const stderr = readTail(log, "stderr", maxBytesPerStream);
  return { stdout, stderr, logs: stdout + stderr };
}

const renderWithout = (shown: ManagedProcess): ProcessResponse => render(shown, OUTPUT_LEFT_OUT);

function render(shown: ManagedProcess, output: ShownOutput): ProcessResponse {
  const { spec } = shown;
  return {
    pid: String(shown.pid),
    name: spec.name,
    command: spec.command,
    workingDir: spec.workingDir,
    status: shown.status,
    startedAt: httpDate(shown.startedAtMs),
    completedAt: shown.completedAtMs === null ? "" : httpDate(shown.completedAtMs),
    exitCode: shown.exitCode,
    ...output,
    restartOnFailure: spec.isRestartedOnFailure,
    maxRestarts: spec.maxRestarts,
    restartCount: shown.restartCount,
    keepAlive: shown.isKeepAlive,
    stdin: spec.hasStdin,
  };
}

function readTail(log: OutputLog, stream: StreamName, maxBytes: number): string {
  const end = log.endOffset(stream);
  if (end === 0) return "";
  const from = Math.max(log.keptFrom(stream), end - maxBytes);
  const bytes = log.read(stream, from, end - from);
  if (from === 0) return new TextDecoder().decode(bytes);
  return TRUNCATED + new TextDecoder().decode(bytes.subarray(characterStart(bytes)));
}

/** Index of the first byte that does not continue a UTF-8 character begun before. */
function characterStart(bytes: Uint8Array): number {
  const index = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return index < 4 ? Math.max(0, index) : 0;
}

const httpDate = (atMs: number): string => new Date(atMs).toUTCString();
