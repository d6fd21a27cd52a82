import { AppError } from "@dormouse/kernel";

/** On every answer, whatever its status. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, HEAD, OPTIONS",
  "Access-Control-Allow-Headers": "Content-Type, Authorization",
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
  Expires: "0",
  "X-Content-Type-Options": "nosniff",
};

const JSON_HEADERS = { ...COMMON_HEADERS, "Content-Type": "application/json; charset=utf-8" };
const TEXT_HEADERS = { ...COMMON_HEADERS, "Content-Type": "text/plain; charset=utf-8" };

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: JSON_HEADERS });
}

export function text(value: string, status: number): Response {
  return new Response(value, { status, headers: TEXT_HEADERS });
}

export function empty(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status, headers: { ...COMMON_HEADERS, ...headers } });
}

/** `{ "error": … }` with the status of the error. */
export function errorResponse(error: AppError): Response {
  return json({ error: error.message }, error.status);
}

/** The text an errno error carries, in the wording clients know: `stat /x: no such file or directory`. */
export function systemErrorText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { syscall, path } = thrown as NodeJS.ErrnoException;
  const description = /^[A-Z0-9]+: ([^,]+)/.exec(thrown.message)?.[1] ?? thrown.message;
  return syscall === undefined || path === undefined ? description : `${syscall} ${path}: ${description}`;
}

/** True for an errno error with that code. */
export function hasErrorCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && (thrown as NodeJS.ErrnoException).code === code;
}

/** Runs `action`; a failure that is not an `AppError` yet becomes a 422 whose text starts with `prefix`. */
export async function orUnprocessable<T>(prefix: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("UNPROCESSABLE", `${prefix}: ${systemErrorText(cause)}`, { cause });
  }
}
