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
  for await (const line of linesOf(response)) {
    const found = /^(stdout|stderr):(.*)$/s.exec(line);
    if (found !== null) yield { stream: found[1] as LogLine["stream"], text: found[2] ?? "" };
  }
}

/** The events of a command that runs to its end; the last one is its result. */
export async function* execProcess(
  sandbox: Client,
  process: ProcessRequest,
  signal?: AbortSignal,
): AsyncGenerator<ExecStreamEvent> {
  const response = await sandbox.send("POST", "/process", {
    body: { ...process, waitForCompletion: true },
    headers: { Accept: "text/event-stream" },
    signal,
  });
  for await (const line of linesOf(response)) yield JSON.parse(line) as ExecStreamEvent;
}

export const writeStdin = (sandbox: Client, process: string, bytes: Uint8Array<ArrayBuffer>): Promise<unknown> =>
  sandbox.request("POST", path`/process/${process}/stdin`, {
    rawBody: bytes,
    headers: { "Content-Type": "application/octet-stream" },
  });

export const closeStdin = (sandbox: Client, process: string): Promise<unknown> =>
  sandbox.request("DELETE", path`/process/${process}/stdin`);
