import { AppError } from "@dormouse/kernel";
import type { ExecStreamEvent, ProcessLogs, ProcessRequest, ProcessResponse } from "@dormouse/schema";
import type { Client } from "./client.ts";
import { linesOf } from "./lines.ts";
import { path } from "./paths.ts";

/* The calls of this file go to a sandbox: their client is one that `openSandbox` gave. */

export const listProcesses = (sandbox: Client): Promise<readonly ProcessResponse[]> =>
  sandbox.request("GET", "/process");

/** By name or pid. */
export const getProcess = (sandbox: Client, process: string): Promise<ProcessResponse> =>
  sandbox.request("GET", path`/process/${process}`);

export const startProcess = (sandbox: Client, process: ProcessRequest): Promise<ProcessResponse> =>
  sandbox.request("POST", "/process", { body: process });

export const stopProcess = (sandbox: Client, process: string): Promise<unknown> =>
  sandbox.request("DELETE", path`/process/${process}`);

export const killProcess = (sandbox: Client, process: string): Promise<unknown> =>
  sandbox.request("DELETE", path`/process/${process}/kill`);

export const getProcessLogs = (sandbox: Client, process: string): Promise<ProcessLogs> =>
  sandbox.request("GET", path`/process/${process}/logs`);

export interface LogLine {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

/** What a process has written and still writes, until it ends or the signal is aborted. */
export async function* streamProcessLogs(
  sandbox: Client,
  process: string,
  signal?: AbortSignal,
): AsyncGenerator<LogLine> {
  const response = await sandbox.send("GET", path`/process/${process}/logs/stream`, { signal });
  for await (const line of linesOf(response, signal)) {
    const found = /^(stdout|stderr):(.*)$/s.exec(line);
    if (found !== null) yield { stream: found[1] as LogLine["stream"], text: found[2] ?? "" };
  }
}

export interface ExecOutput {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** Output as it comes; what the command ended with is returned. @throws {AppError} when it could not be started. */
export type ExecRun = AsyncGenerator<ExecOutput, ProcessResponse>;

/** Starts a command and resolves when it runs. */
export async function execProcess(sandbox: Client, process: ProcessRequest, signal?: AbortSignal): Promise<ExecRun> {
  const response = await sandbox.send("POST", "/process", {
    body: { ...process, waitForCompletion: true },
    // Without the parameter, and from who does not know it, output comes as text.
    headers: { Accept: "text/event-stream; encoding=base64" },
    signal,
  });
  return readEvents(response);
}

async function* readEvents(response: Response): ExecRun {
  const isBase64 = /;\s*encoding=base64\b/.test(response.headers.get("content-type") ?? "");
  for await (const line of linesOf(response)) {
    const event = JSON.parse(line) as ExecStreamEvent;
    if (event.type === "keepalive") continue;
    if (event.type === "result") return JSON.parse(event.data) as ProcessResponse;
    if (event.type === "error") throw new AppError("UNPROCESSABLE", `Cannot follow the command: ${event.data}`);
    yield { stream: event.type, bytes: isBase64 ? fromBase64(event.data) : new TextEncoder().encode(event.data) };
  }
  throw new AppError("SANDBOX_UNAVAILABLE", "Cannot tell how the command ended: the connection is lost", {
    hint: "It may still run; list the processes of the sandbox",
  });
}

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

export const writeStdin = (sandbox: Client, process: string, bytes: Uint8Array<ArrayBuffer>): Promise<unknown> =>
  sandbox.request("POST", path`/process/${process}/stdin`, {
    rawBody: bytes,
    headers: { "Content-Type": "application/octet-stream" },
  });

export const closeStdin = (sandbox: Client, process: string): Promise<unknown> =>
  sandbox.request("DELETE", path`/process/${process}/stdin`);
