import { AppError } from "@dormouse/kernel";
import { cleanDownstreamHeaders, type DownstreamHeaderRules } from "./headers.ts";
import type { Lease } from "./lease.ts";
import { findPort, isPortGone, relayPortOf } from "./loopback-relays.ts";
import { sendWithNode } from "./node-request.ts";
import { AGENT_PORT } from "./place.ts";
import { codeOf, unreachableError } from "./unreachable.ts";

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

/** RFC 9110 section 6.4.1: these have no content. */
const BODYLESS_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

/** Bodies with a declared length up to this are taken over whole: answers then free the sandbox at once. */
const BUFFERED_BODY_BYTES = 64 * 1024;

/**
 * Forwards and streams both ways. Takes over the lease: it ends when the sandbox has nothing left to send, or on any failure.
 * @throws {AppError} UPSTREAM_UNREACHABLE when nothing answered, SANDBOX_NOT_FOUND when the sandbox was deleted meanwhile.
 */
export async function forward(job: ForwardJob): Promise<Response> {
  try {
    const upstream = await untilDeleted(job.lease, send(job));
    cleanDownstreamHeaders(upstream.headers, job.downstream);
    return await deliver(upstream, job);
  } catch (cause) {
    job.lease.release();
    throw unreachableError(job, cause);
  }
}

/**
 * `answer`, or a rejection as soon as the sandbox is deleted. No abort signal of our own for that: beside the client's, which
 * every request has, it would cost a tenth of the whole forwarding, and the deletion itself closes the app's connection.
 */
function untilDeleted<T>(lease: Lease, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    lease.onAbort = () => reject(new Error("the sandbox was deleted"));
    answer.then(resolve, reject);
  });
}

async function send(job: ForwardJob): Promise<Response> {
  const { method } = job.request;
  const body = method === "GET" || method === "HEAD" ? null : await bodyOf(job);
  // The agent never closes an idle connection. An app does, perhaps at the moment it wakes: a request that must not be sent
  // twice never goes over a connection that may be dying.
  const isPooled = job.port === AGENT_PORT || isRepeatable(job.request);
  const attempt = { port: relayPortOf(job) ?? job.port, body, isPooled };
  return sendOnce(job, attempt).catch((error: unknown) => sendAgain(job, attempt, error));
}

/** A second and last time, where the first was refused or may be repeated, to wherever the app is reached now. */
async function sendAgain(job: ForwardJob, attempt: Attempt, error: unknown): Promise<Response> {
  const port = isPortGone(job, attempt.port, error) ? await findPort(job, error) : attempt.port;
  const isUnsent = job.port !== AGENT_PORT && codeOf(error) === "ECONNREFUSED";
  if (!isUnsent && !isWorthASecondTry(job, error)) throw error;
  return sendOnce(job, { ...attempt, port, isPooled: false });
}

/** A short body whole, which costs a third less than a stream; any other as it comes. */
function bodyOf({ request, path }: ForwardJob): Promise<ArrayBuffer> | ReadableStream<Uint8Array> | null {
  const length = Number(request.headers.get("content-length") ?? Number.NaN);
  const isShort = length > 0 && length <= BUFFERED_BODY_BYTES && !isExact(path);
  return isShort ? request.arrayBuffer() : request.body;
}

function isRepeatable(request: Request): boolean {
  const { method } = request;
  return method === "GET" || method === "HEAD" || (method === "OPTIONS" && request.body === null);
}

/** True for a connection that was closed before any answer, as a pooled one may have been before it was used. */
function isWorthASecondTry({ request, lease }: ForwardJob, error: unknown): boolean {
  return codeOf(error) === "ECONNRESET" && isRepeatable(request) && !request.signal.aborted && !lease.isAborted;
}

interface Attempt {
  readonly port: number;
  /** Still whole after a connection was refused. */
  readonly body: ArrayBuffer | ReadableStream<Uint8Array> | null;
  readonly isPooled: boolean;
}

function sendOnce(job: ForwardJob, attempt: Attempt): Promise<Response> {
  return isExact(job.path) ? sendExactly(job, attempt.port) : sendWithFetch(job, attempt);
}

/** True for a path that `fetch` would change. */
const isExact = (path: string): boolean => path.startsWith("//");

/** Bun runs 256 fetches at once unless BUN_CONFIG_MAX_HTTP_REQUESTS says more: the app must, or held requests block others. */
function sendWithFetch(job: ForwardJob, { port, body, isPooled }: Attempt): Promise<Response> {
  const init: BunFetchRequestInit = {
    method: job.request.method,
    headers: job.headers,
    body,
    signal: job.request.signal,
    redirect: "manual",
    decompress: false,
    keepalive: isPooled,
    // Bun would give up on a silent stream.
    timeout: false,
  };
  return fetch(`http://${job.lease.address}:${port}${job.path}`, init);
}

async function sendExactly(job: ForwardJob, port: number): Promise<Response> {
  const { request, headers, path, lease } = job;
  const { method, body, signal } = request;
  const answer = await sendWithNode({ address: lease.address, port, method, path, headers, body, signal });
  if (answer instanceof Response) return answer;
  answer.socket.destroy();
  throw new AppError(
    "UPSTREAM_UNREACHABLE",
    `Cannot read the answer of port ${job.port} in sandbox "${job.sandboxName}": it switched protocols unasked`,
  );
}

/** Answers with what the app sent, holding the lease until it has sent all of it. */
export function deliver(upstream: Response, job: ForwardJob): Response | Promise<Response> {
  const { status, statusText, headers } = upstream;
  const init = { status, statusText, headers };
  const length = headers.get("content-length");
  if (length === "0" || job.request.method === "HEAD" || BODYLESS_STATUSES.has(status)) {
    job.lease.release();
    return new Response(null, init);
  }
  const isBuffered = length !== null && Number(length) <= BUFFERED_BODY_BYTES;
  if (!isBuffered) {
    // Only now: to look at a body makes a stream of it, which a short answer does without.
    const { body } = upstream;
    if (body !== null) return new Response(streamUntilEnd(body, job.lease), init);
    job.lease.release();
    return new Response(null, init);
  }
  const bytes = upstream.arrayBuffer();
  const finish = (whole: ArrayBuffer): Response => {
    job.lease.release();
    // Bun calls bytes without a type "application/octet-stream", which a browser would save instead of show; a stream it leaves.
    return new Response(headers.has("content-type") ? whole : streamOf(whole), init);
  };
  // Usually the body came with the head and nothing has to be waited for.
  const ready = Bun.peek(bytes);
  return ready instanceof Promise ? untilDeleted(job.lease, bytes).then(finish) : finish(ready);
}

/** Bytes that are there already: a direct stream costs a tenth of a millisecond less than another. */
function streamOf(bytes: ArrayBuffer): ReadableStream {
  return new ReadableStream({
    type: "direct",
    pull(controller) {
      void controller.write(bytes);
      controller.close();
    },
  });
}

/** `body` chunk by chunk at the reader's pace; the lease ends with it, and it breaks off when the sandbox is deleted. */
function streamUntilEnd(body: ReadableStream<Uint8Array>, lease: Lease): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const stop = (reason?: unknown): Promise<void> => reader.cancel(reason).catch(() => undefined);
  return new ReadableStream({
    start(controller) {
      lease.onAbort = () => {
        controller.error(new Error("the sandbox was deleted"));
        void stop();
      };
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      lease.release();
    },
    async cancel(reason) {
      lease.release();
      await stop(reason);
    },
  });
}
