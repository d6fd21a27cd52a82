import { COMMON_HEADERS } from "./http.ts";
import { orTimeout } from "./timers.ts";

type Chunk = string | Uint8Array;

export interface StreamOptions {
  readonly contentType: string;
  /** Sent when nothing else was for `keepaliveIntervalMs`, and soon when there is nothing to send yet. */
  readonly keepalive: () => Chunk;
  readonly keepaliveIntervalMs: number;
}

/** Response headers leave together with the first bytes, so a stream that has none yet says this much soon. */
const FIRST_BYTES_WITHIN_MS = 10;

/**
 * Answers 200 with whatever `produce` yields, at the client's pace. The signal given to `produce` aborts when the client
 * leaves; a stream has no other end than its producer's.
 */
export function streamResponse(
  options: StreamOptions,
  produce: (signal: AbortSignal) => AsyncIterable<Chunk>,
): Response {
  const left = new AbortController();
  const source = produce(left.signal)[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const next = withKeepalive(source, options);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = await next();
      if (chunk === null) return controller.close();
      controller.enqueue(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
    },
    async cancel() {
      left.abort();
      await source.return?.();
    },
  });
  const headers = {
    ...COMMON_HEADERS,
    "Content-Type": options.contentType,
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
  };
  return new Response(body, { headers });
}

function withKeepalive(source: AsyncIterator<Chunk>, options: StreamOptions): () => Promise<Chunk | null> {
  let pending: Promise<IteratorResult<Chunk>> | null = null;
  let patienceMs = FIRST_BYTES_WITHIN_MS;
  return async () => {
    for (;;) {
      pending ??= source.next();
      const result = await orTimeout(pending, patienceMs);
      if (result !== "timeout") pending = null;
      if (result !== "timeout" && result.done !== true && result.value.length === 0) continue;
      patienceMs = options.keepaliveIntervalMs;
      if (result === "timeout") return options.keepalive();
      return result.done === true ? null : result.value;
    }
  };
}
