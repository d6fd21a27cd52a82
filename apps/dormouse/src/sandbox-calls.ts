import type { ProgramOutput, SandboxAnswerToCall, SandboxCalls } from "@dormouse/control-plane";
import { AppError } from "@dormouse/kernel";
import { AGENT_PORT, type Lease, type SandboxLife } from "@dormouse/gateway";
import type { ProcessRequest, SandboxId } from "@dormouse/schema";
import { z } from "zod";

/** What is read of an answer: whoever is root inside a sandbox decides what it sends. */
const ANSWER_MAX_BYTES = 64 * 1024;
const ERROR_MAX_LENGTH = 1000;

/** Nobody took the connection, so nothing was sent. */
const NOT_SENT_CODES: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"]);

/** Calls over the life of sandboxes, which wakes them and keeps them awake until they have answered. */
export function callsOver(life: Pick<SandboxLife, "acquire">): SandboxCalls {
  return {
    startProcess: (id, request, signal) => call(life, { id, signal }, (lease, ended) => post(lease, request, ended)),
    readOutput: (id, signal) => call(life, { id, signal }, readOutput),
  };
}

interface Called {
  readonly id: SandboxId;
  readonly signal: AbortSignal;
}

type Ask<T> = (lease: Lease, signal: AbortSignal) => Promise<T>;

async function call<T>(life: Pick<SandboxLife, "acquire">, called: Called, ask: Ask<T>): Promise<T> {
  try {
    return await callOnce(life, called, ask).catch((error: unknown) => {
      if (!isNotSent(error)) throw error;
      // Everything in it has ended, which the life now knows: the second time it is started again.
      return callOnce(life, called, ask);
    });
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("UPSTREAM_UNREACHABLE", "Cannot reach the sandbox: it closed the connection", { cause });
  }
}

async function callOnce<T>(life: Pick<SandboxLife, "acquire">, { id, signal }: Called, ask: Ask<T>): Promise<T> {
  const lease = await life.acquire(id);
  try {
    const deleted = new AbortController();
    lease.onAbort = () => deleted.abort();
    return await ask(lease, AbortSignal.any([signal, deleted.signal]));
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
  const answer = await send(lease, "/process", { method: "POST", body: JSON.stringify(request), signal });
  const text = await readStart(answer, ANSWER_MAX_BYTES);
  return { status: answer.status, error: answer.ok ? undefined : errorIn(text) };
}

function send(lease: Lease, path: string, init: RequestInit): Promise<Response> {
  return fetch(`http://${lease.address}:${AGENT_PORT}${path}`, {
    ...init,
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    // A sandbox must not send us to an address of its choice.
    redirect: "manual",
    decompress: false,
  });
}

/** What is read of all output together. */
const OUTPUT_MAX_BYTES = 8 * 1024 * 1024;
/** Below it the agent has a folder for each of its runs. */
const LOG_DIRECTORY = "/var/log/sandbox-api";
const Runs = z.object({ subdirectories: z.array(z.object({ name: z.string().startsWith("run-") })) });
const TextFile = z.object({ content: z.string() });

const Processes = z.array(
  z.object({
    name: z.string(),
    startedAt: z.string(),
    completedAt: z.string().nullish(),
    stdout: z.string().nullish(),
    stderr: z.string().nullish(),
  }),
);

/** Whoever is root inside decides what is said there, so that what has another form is left out. */
async function readOutput(lease: Lease, signal: AbortSignal): Promise<ProgramOutput[]> {
  const processes = Processes.safeParse(await readJson(lease, "/process", signal)).data ?? [];
  return [
    ...(await readEntrypoint(lease, signal)),
    ...processes.map(({ name, startedAt, completedAt, stdout, stderr }) => ({
      name,
      startedAtMs: Date.parse(startedAt) || undefined,
      endedAtMs: Date.parse(completedAt ?? "") || undefined,
      stdout: stdout ?? "",
      stderr: stderr ?? "",
    })),
  ];
}

/** What the image's own program says; an agent that was replaced has more than one folder. */
async function readEntrypoint(lease: Lease, signal: AbortSignal): Promise<ProgramOutput[]> {
  const read = (path: string) => readJson(lease, `/filesystem/${encodeURIComponent(path)}`, signal);
  const readText = async (path: string) => TextFile.safeParse(await read(path)).data?.content ?? "";
  const runs = Runs.safeParse(await read(LOG_DIRECTORY)).data?.subdirectories ?? [];
  return Promise.all(
    runs.map(async ({ name }) => {
      const [stdout, stderr] = await Promise.all([
        readText(`${LOG_DIRECTORY}/${name}/entrypoint.stdout.log`),
        readText(`${LOG_DIRECTORY}/${name}/entrypoint.stderr.log`),
      ]);
      return { name: "entrypoint", startedAtMs: undefined, endedAtMs: undefined, stdout, stderr };
    }),
  );
}

async function readJson(lease: Lease, path: string, signal: AbortSignal): Promise<unknown> {
  const answer = await send(lease, path, { method: "GET", signal });
  const text = await readStart(answer, OUTPUT_MAX_BYTES);
  try {
    return answer.ok ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

async function readStart(answer: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of answer.body ?? []) {
    chunks.push(chunk);
    lengthBytes += chunk.byteLength;
    if (lengthBytes >= maxBytes) break;
  }
  return Buffer.concat(chunks).toString("utf8", 0, maxBytes);
}

function errorIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === "string" ? error.slice(0, ERROR_MAX_LENGTH) : undefined;
  } catch {
    return undefined;
  }
}
