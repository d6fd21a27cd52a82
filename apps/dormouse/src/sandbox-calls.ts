import type { SandboxAnswerToCall, SandboxCalls } from "@dormouse/control-plane";
import { AppError } from "@dormouse/kernel";
import { AGENT_PORT, type Lease, type SandboxLife } from "@dormouse/gateway";
import type { ProcessRequest, SandboxId } from "@dormouse/schema";

/** What is read of an answer: whoever is root inside a sandbox decides what it sends. */
const ANSWER_MAX_BYTES = 64 * 1024;
const ERROR_MAX_LENGTH = 1000;

/** Nobody took the connection, so nothing was sent. */
const NOT_SENT_CODES: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"]);

/** Calls over the life of sandboxes, which wakes them and keeps them awake until they have answered. */
export function callsOver(life: Pick<SandboxLife, "acquire">): SandboxCalls {
  return {
    async startProcess(id, request, signal) {
      try {
        return await postProcess(life, id, request, signal).catch((error: unknown) => {
          if (!isNotSent(error)) throw error;
          // Everything in it has ended, which the life now knows: the second time it is started again.
          return postProcess(life, id, request, signal);
        });
      } catch (cause) {
        if (cause instanceof AppError) throw cause;
        throw new AppError("UPSTREAM_UNREACHABLE", "Cannot reach the sandbox: it closed the connection", { cause });
      }
    },
  };
}

async function postProcess(
  life: Pick<SandboxLife, "acquire">,
  id: SandboxId,
  request: ProcessRequest,
  signal: AbortSignal,
): Promise<SandboxAnswerToCall> {
  const lease = await life.acquire(id);
  try {
    const deleted = new AbortController();
    lease.onAbort = () => deleted.abort();
    return await post(lease, request, AbortSignal.any([signal, deleted.signal]));
  } catch (error) {
    if (isNotSent(error)) lease.reportAgentGone();
    throw error;
  } finally {
    lease.release();
  }
}

const isNotSent = (error: unknown): boolean =>
  error instanceof Error && "code" in error && NOT_SENT_CODES.has(error.code);

async function post(lease: Lease, request: ProcessRequest, signal: AbortSignal): Promise<SandboxAnswerToCall> {
  const answer = await fetch(`http://${lease.address}:${AGENT_PORT}/process`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(request),
    signal,
    // A sandbox must not send us to an address of its choice.
    redirect: "manual",
    decompress: false,
  });
  const text = await readStart(answer);
  return { status: answer.status, error: answer.ok ? undefined : errorIn(text) };
}

async function readStart(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of answer.body ?? []) {
    chunks.push(chunk);
    lengthBytes += chunk.byteLength;
    if (lengthBytes >= ANSWER_MAX_BYTES) break;
  }
  return Buffer.concat(chunks).toString("utf8", 0, ANSWER_MAX_BYTES);
}

function errorIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === "string" ? error.slice(0, ERROR_MAX_LENGTH) : undefined;
  } catch {
    return undefined;
  }
}
