import { AppError } from "@dormouse/kernel";
import { ApiError, delay, type Fetch } from "@dormouse/sdk";
import type { PackedArchive } from "./zip.ts";

const ATTEMPTS = 5;
const FIRST_DELAY_MS = 1000;

export interface Upload {
  readonly fetch: Fetch;
  readonly archive: Pick<PackedArchive, "path" | "sizeBytes">;
  /** Asks the server for an address; each is good for one attempt. */
  readonly requestUrl: () => Promise<string>;
  /** Bytes that are on their way so far; starts again with each attempt. */
  readonly onProgress?: (sentBytes: number) => void;
  readonly onRetry?: (error: Error, attempt: number) => void;
  readonly signal?: AbortSignal;
  /** Before the second attempt; twice as long before each further one. */
  readonly firstDelayMs?: number;
}

/** Sends an archive to an address that is a credential of its own. @throws the last failure after five attempts */
export async function uploadArchive(upload: Upload): Promise<void> {
  const { requestUrl, onRetry, signal, firstDelayMs = FIRST_DELAY_MS } = upload;
  for (let attempt = 1; ; attempt += 1) {
    const failure = await put(upload, await requestUrl()).catch((error: Error) => error);
    if (failure === undefined) return;
    if (signal?.aborted === true || attempt === ATTEMPTS || !isWorthRetrying(failure)) throw failure;
    onRetry?.(failure, attempt);
    await delay(firstDelayMs * 2 ** (attempt - 1), signal);
  }
}

/** Resolves when the server has taken it, with the failure if it has not. */
async function put({ fetch, archive, onProgress, signal }: Upload, url: string): Promise<Error | undefined> {
  let sentBytes = 0;
  const counted = Bun.file(archive.path)
    .stream()
    .pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          sentBytes += chunk.byteLength;
          onProgress?.(sentBytes);
          controller.enqueue(chunk);
        },
      }),
    );
  const headers = { "Content-Type": "application/zip", "Content-Length": String(archive.sizeBytes) };
  const response = await fetch(url, { method: "PUT", headers, body: counted, ...(signal !== undefined && { signal }) });
  if (response.status === 200) {
    await response.body?.cancel();
    return undefined;
  }
  return new ApiError(response, await bodyOf(response));
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The address may have expired, the server be busy or the connection be gone; another archive is what everything else asks for. */
function isWorthRetrying(failure: Error): boolean {
  if (!(failure instanceof ApiError)) return true;
  return [403, 408, 410, 429].includes(failure.status) || failure.status >= 500;
}

/** The upload address of an answer. @throws {AppError} UPLOAD_INVALID when the server gives none */
export function uploadUrlOf(headers: Headers): string {
  const url = headers.get("x-blaxel-upload-url");
  if (url !== null) return url;
  throw new AppError("UPLOAD_INVALID", "Cannot upload: the server gives no upload address", {
    hint: "This server takes no uploads, or is older than this command line",
  });
}
