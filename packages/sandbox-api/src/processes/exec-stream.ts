import { AppError } from "@dormouse/kernel";
import type { ExecStreamEvent } from "@dormouse/schema";
import { streamResponse } from "../stream-response.ts";
import { followLog } from "./follow-log.ts";
import type { ManagedProcess } from "./managed-process.ts";
import { renderWithOutput, TAIL_BYTES } from "./render-process.ts";

const KEEPALIVE_INTERVAL_MS = 5000;

type Ready = (started: ManagedProcess) => Promise<void>;

/** How the output stands in the events: base64 keeps bytes that are no text. */
export type OutputEncoding = "utf-8" | "base64";

/**
 * Streaming exec: one JSON object per line, the result last. A failure of `start`, and one of `ready` while the process runs,
 * becomes an `error` event that ends the stream, with status 200. The process goes on when the client leaves.
 */
export function streamExec(start: () => ManagedProcess, ready: Ready, encoding: OutputEncoding): Response {
  const options = {
    contentType: encoding === "base64" ? "application/x-ndjson; encoding=base64" : "application/x-ndjson",
    keepalive: () => toLine({ type: "keepalive" }),
    keepaliveIntervalMs: KEEPALIVE_INTERVAL_MS,
  };
  const events = beginExec(start, { ready, encoding });
  return streamResponse(options, (signal) => toLines(events, signal));
}

type Events = (signal: AbortSignal) => AsyncIterable<ExecStreamEvent>;

interface ExecOptions {
  readonly ready: Ready;
  readonly encoding: OutputEncoding;
}

function beginExec(start: () => ManagedProcess, options: ExecOptions): Events {
  try {
    const started = start();
    return (signal) => execEvents(started, options, signal);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

async function* toLines(events: Events, signal: AbortSignal): AsyncGenerator<string> {
  try {
    for await (const event of events(signal)) yield toLine(event);
  } catch (error) {
    yield toLine({ type: "error", data: error instanceof Error ? error.message : String(error) });
  }
}

async function* execEvents(
  started: ManagedProcess,
  { ready, encoding }: ExecOptions,
  left: AbortSignal,
): AsyncGenerator<ExecStreamEvent> {
  const failed = new AbortController();
  void ready(started).catch((error: unknown) => {
    if (!started.hasFinished) failed.abort(error);
  });
  const output = encoding === "base64" ? bytesEvents : textEvents;
  yield* output(started, AbortSignal.any([left, failed.signal]));
  if (left.aborted) return;
  failed.signal.throwIfAborted();
  yield { type: "result", data: JSON.stringify(renderWithOutput(started, TAIL_BYTES)) };
}

/** Characters that arrive in two chunks come out whole, with the second one. */
async function* textEvents(started: ManagedProcess, signal: AbortSignal): AsyncGenerator<ExecStreamEvent> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  for await (const { stream, bytes } of followLog(started.log, signal)) {
    const data = decoders[stream].decode(bytes, { stream: true });
    if (data !== "") yield { type: stream, data };
  }
  for (const stream of ["stdout", "stderr"] as const) {
    const data = decoders[stream].decode();
    if (data !== "") yield { type: stream, data };
  }
}

/** @throws {AppError} UNPROCESSABLE where bytes are missing: who wants bytes wants them all. */
async function* bytesEvents(started: ManagedProcess, signal: AbortSignal): AsyncGenerator<ExecStreamEvent> {
  for await (const { stream, bytes, isAfterGap } of followLog(started.log, signal)) {
    if (isAfterGap) {
      throw new AppError("UNPROCESSABLE", "output was written faster than it was read, and some of it is lost");
    }
    yield { type: stream, data: Buffer.from(bytes).toString("base64") };
  }
}

const toLine = (event: ExecStreamEvent): string => `${JSON.stringify(event)}\n`;
