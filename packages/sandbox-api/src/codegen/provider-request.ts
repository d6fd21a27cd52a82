import { AppError, redactSecrets } from "@dormouse/kernel";

/** Where a provider is and who asks it. */
export interface ProviderAccess {
  /** As messages name it. */
  readonly label: string;
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly key: string;
}

const TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const MAX_REASON_CHARACTERS = 300;

/**
 * Posts `body` as JSON and resolves to the JSON answer. It follows no redirects, as they would take the key elsewhere.
 * @throws {AppError} UNPROCESSABLE with the provider's status and reason, never with the key
 */
export async function askProvider(
  access: ProviderAccess,
  path: string,
  request: { body: object; signal: AbortSignal },
) {
  const fail = (reason: string) =>
    new AppError("UNPROCESSABLE", `Cannot use ${access.label}: ${reasonText(reason, access.key)}`);
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(access.baseUrl + path, {
      method: "POST",
      headers: { Authorization: `Bearer ${access.key}`, "Content-Type": "application/json" },
      body: JSON.stringify(request.body),
      redirect: "manual",
      signal: AbortSignal.any([request.signal, timeout]),
    });
    const answer = await readBounded(response);
    if (!response.ok) throw fail(`it answered ${response.status}: ${answer}`);
    return parse(answer) ?? Promise.reject(fail("its answer is not a JSON object"));
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (timeout.aborted) throw fail(`no answer within ${TIMEOUT_MS / 1000} s`);
    throw fail(`it could not be reached (${error instanceof Error ? error.message : "unknown failure"})`);
  }
}

function reasonText(reason: string, key: string): string {
  const text = redactSecrets(reason.replaceAll(key, "[redacted]")).replace(/\s+/g, " ").trim();
  return text.length > MAX_REASON_CHARACTERS ? `${text.slice(0, MAX_REASON_CHARACTERS)}…` : text;
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MAX_ANSWER_BYTES) throw new Error(`its answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parse(answer: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(answer);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}
