import { AppError } from "@dormouse/kernel";
import { cleanDownstreamHeaders, type DownstreamHeaderRules } from "./headers.ts";
import type { Lease } from "./lease.ts";
import { sendWithNode } from "./node-request.ts";
import { AGENT_PORT } from "./place.ts";

/** One request on its way to one port of one awake sandbox. */
export interface ForwardJob {
  readonly request: Request;
  readonly lease: Lease;
  readonly sandboxName: string;
  readonly port: number;
  /** Raw path and query. */
  readonly path: string;
  /** Already cleaned for the sandbox. */
  readonly headers: Headers;
  readonly downstream: DownstreamHeaderRules;
}

/** Answers with a declared length up to this are taken over whole, so that they free the sandbox at once. */
const BUFFERED_BODY_BYTES = 64 * 1024;

/**
 * Forwards and streams both ways. Takes over the lease: it ends when the sandbox has nothing left to send, or on any failure.
 * @throws {AppError} UPSTREAM_UNREACHABLE when nothing answered, SANDBOX_NOT_FOUND when the sandbox was deleted meanwhile.
 */
export async function forward(job: ForwardJob): Promise<Response> {
  const controller = abortedByClientOrDeletion(job);
  try {
    const upstream = await send(job, controller.signal);
    cleanDownstreamHeaders(upstream.headers, job.downstream);
    return await deliver(upstream, job);
  } catch (cause) {
    job.lease.release();
    // An upload that still runs must not go on once its answer has failed.
    controller.abort();
    throw unreachableError(job, cause);
  }
}

/** A signal that fires when the client leaves or the sandbox is deleted. */
export function abortedByClientOrDeletion(job: { request: Request; lease: Lease }): AbortController {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  job.lease.onAbort = abort;
  if (job.request.signal.aborted) abort();
  else job.request.signal.addEventListener("abort", abort, { once: true });
  return controller;
}

/** What to tell the client when the app gave no usable answer. */
export function unreachableError(job: Pick<ForwardJob, "lease" | "port" | "sandboxName">, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  if (job.lease.isAborted) {
    return new AppError("SANDBOX_NOT_FOUND", `Cannot reach sandbox "${job.sandboxName}": it was deleted`, { cause });
  }
  if (codeOf(cause) === "ECONNREFUSED") {
    return new AppError("UPSTREAM_UNREACHABLE", `Cannot reach port ${job.port}: nothing listens on port ${job.port} in sandbox "${job.sandboxName}"`, {
      hint: `Start a server inside the sandbox that listens on 0.0.0.0:${job.port}, not only on 127.0.0.1.`,
      cause,
    });
  }
  return new AppError("UPSTREAM_UNREACHABLE", `Cannot read the answer of port ${job.port} in sandbox "${job.sandboxName}": the connection was closed`, {
    hint: "See the log of the process that serves this port.",
    cause,
  });
}

function send(job: ForwardJob, signal: AbortSignal): Promise<Response> {
  const { method } = job.request;
  const isSafe = method === "GET" || method === "HEAD";
  if (job.path.startsWith("//")) return sendExactly(job, signal);
  const body = isSafe ? null : job.request.body;
  // The agent never closes an idle connection. An app does, perhaps at the moment it wakes: a request that must not be sent
  // twice never goes over a connection that may be dying.
  if (job.port === AGENT_PORT) return sendWithFetch(job, { signal, body, isPooled: true });
  const isRepeatable = body === null && (isSafe || method === "OPTIONS");
  if (!isRepeatable) return sendWithFetch(job, { signal, body, isPooled: false });
  return sendWithFetch(job, { signal, body, isPooled: true }).catch((error: unknown) => {
    if (codeOf(error) !== "ECONNRESET" || signal.aborted) throw error;
    return sendWithFetch(job, { signal, body, isPooled: false });
  });
}

interface FetchOptions {
  readonly signal: AbortSignal;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly isPooled: boolean;
}

/** Bun runs 256 fetches at once unless BUN_CONFIG_MAX_HTTP_REQUESTS says more: the app must, or held requests block others. */
function sendWithFetch(job: ForwardJob, options: FetchOptions): Promise<Response> {
  const init: BunFetchRequestInit = {
    method: job.request.method,
    headers: job.headers,
    body: options.body,
    signal: options.signal,
    redirect: "manual",
    decompress: false,
    keepalive: options.isPooled,
    // Bun would give up on a silent stream.
    timeout: false,
  };
  return fetch(`http://${job.lease.address}:${job.port}${job.path}`, init);
}

async function sendExactly(job: ForwardJob, signal: AbortSignal): Promise<Response> {
  const { request, headers, path, port, lease } = job;
  const options = { address: lease.address, port, method: request.method, path, headers, body: request.body, signal };
  const answer = await sendWithNode(options);
  if (answer instanceof Response) return answer;
  answer.socket.destroy();
  throw new AppError("UPSTREAM_UNREACHABLE", `Cannot read the answer of port ${port} in sandbox "${job.sandboxName}": it switched protocols unasked`);
}

/** Answers with what the app sent, holding the lease until it has sent all of it. */
export async function deliver(upstream: Response, job: ForwardJob): Promise<Response> {
  const { status, statusText, headers, body } = upstream;
  const init = { status, statusText, headers };
  const length = headers.get("content-length");
  if (body === null || length === "0" || job.request.method === "HEAD") {
    job.lease.release();
    return new Response(null, init);
  }
  // Bun calls bytes without a type "application/octet-stream", which a browser would save instead of show; a stream it leaves.
  const isBuffered = length !== null && Number(length) <= BUFFERED_BODY_BYTES && headers.has("content-type");
  if (!isBuffered) return new Response(streamUntilEnd(body, () => job.lease.release()), init);
  // Usually the body came with the head and nothing has to be waited for.
  const reading = upstream.bytes();
  const ready = Bun.peek(reading);
  const bytes = ready instanceof Promise ? await ready : ready;
  job.lease.release();
  return new Response(bytes, init);
}

/** `body` as it comes, chunk by chunk at the reader's pace; `onEnd` runs once, at its end, failure or cancellation. */
function streamUntilEnd(body: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      onEnd();
    },
    async cancel(reason) {
      onEnd();
      await reader.cancel(reason).catch(() => undefined);
    },
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
