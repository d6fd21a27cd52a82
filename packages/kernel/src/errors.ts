/**
 * One error class for everything a caller may branch on. Each edge renders it once, in the shape its client family reads;
 * everything else that is thrown is a bug and becomes `INTERNAL` there.
 */
export type ErrorCode = keyof typeof ERROR_INFO;

interface ErrorInfo {
  /** HTTP status an edge answers with. */
  readonly status: number;
  /** True when the same request may succeed later without being changed. */
  readonly retryable: boolean;
}

const defineErrors = <T extends Record<string, ErrorInfo>>(table: T): { readonly [K in keyof T]: ErrorInfo } => table;

export const ERROR_INFO = defineErrors({
  INVALID_ARGUMENT: { status: 400, retryable: false },
  INVALID_IMAGE: { status: 400, retryable: false },
  UNAUTHENTICATED: { status: 401, retryable: false },
  FORBIDDEN: { status: 403, retryable: false },
  ROUTE_NOT_FOUND: { status: 404, retryable: false },
  SANDBOX_NOT_FOUND: { status: 404, retryable: false },
  PREVIEW_NOT_FOUND: { status: 404, retryable: false },
  PREVIEW_TOKEN_NOT_FOUND: { status: 404, retryable: false },
  PROCESS_NOT_FOUND: { status: 404, retryable: false },
  FILE_NOT_FOUND: { status: 404, retryable: false },
  UPLOAD_NOT_FOUND: { status: 404, retryable: false },
  ACCOUNT_NOT_FOUND: { status: 404, retryable: false },
  WORKSPACE_NOT_FOUND: { status: 404, retryable: false },
  USER_NOT_FOUND: { status: 404, retryable: false },
  SERVICE_ACCOUNT_NOT_FOUND: { status: 404, retryable: false },
  API_KEY_NOT_FOUND: { status: 404, retryable: false },
  ACCOUNT_ALREADY_EXISTS: { status: 409, retryable: false },
  ACCOUNT_IN_USE: { status: 409, retryable: false },
  WORKSPACE_ALREADY_EXISTS: { status: 409, retryable: false },
  WORKSPACE_NOT_EMPTY: { status: 409, retryable: false },
  WORKSPACE_IN_USE: { status: 409, retryable: false },
  USER_ALREADY_EXISTS: { status: 409, retryable: false },
  API_KEY_IN_USE: { status: 409, retryable: false },
  SCHEDULE_NOT_FOUND: { status: 404, retryable: false },
  VOLUME_NOT_FOUND: { status: 404, retryable: false },
  DOMAIN_NOT_FOUND: { status: 404, retryable: false },
  VOLUME_TEMPLATE_NOT_FOUND: { status: 404, retryable: false },
  BUILD_NOT_FOUND: { status: 404, retryable: false },
  IMAGE_NOT_FOUND: { status: 404, retryable: false },
  IMAGE_SHARE_NOT_FOUND: { status: 404, retryable: false },
  IMAGE_ALREADY_EXISTS: { status: 409, retryable: false },
  IMAGE_IN_USE: { status: 400, retryable: false },
  IMAGE_SHARE_EXPIRED: { status: 410, retryable: false },
  BUILD_FAILED: { status: 422, retryable: false },
  BUILD_TIMEOUT: { status: 422, retryable: false },
  BUILD_INTERRUPTED: { status: 503, retryable: true },
  SANDBOX_ALREADY_EXISTS: { status: 409, retryable: false },
  PREVIEW_ALREADY_EXISTS: { status: 409, retryable: false },
  SCHEDULE_ALREADY_EXISTS: { status: 409, retryable: false },
  VOLUME_ALREADY_EXISTS: { status: 409, retryable: false },
  DOMAIN_ALREADY_EXISTS: { status: 409, retryable: false },
  VOLUME_TEMPLATE_ALREADY_EXISTS: { status: 409, retryable: false },
  VOLUME_IN_USE: { status: 409, retryable: false },
  SANDBOX_DISABLED: { status: 409, retryable: false },
  SANDBOX_STATE_CONFLICT: { status: 409, retryable: true },
  STDIN_UNAVAILABLE: { status: 409, retryable: false },
  PREVIEW_EXPIRED: { status: 410, retryable: false },
  TOO_LARGE: { status: 413, retryable: false },
  UNPROCESSABLE: { status: 422, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  INTERNAL: { status: 500, retryable: false },
  UPLOAD_INVALID: { status: 500, retryable: false },
  SANDBOX_START_FAILED: { status: 500, retryable: false },
  HOST_UNSUITABLE: { status: 500, retryable: false },
  UPSTREAM_UNREACHABLE: { status: 502, retryable: true },
  SANDBOX_UNAVAILABLE: { status: 503, retryable: true },
  STDIN_STALLED: { status: 503, retryable: false },
  HOST_FULL: { status: 503, retryable: true },
  ENGINE_UNAVAILABLE: { status: 503, retryable: true },
  STORE_UNAVAILABLE: { status: 503, retryable: true },
  SANDBOX_WAKE_TIMEOUT: { status: 504, retryable: true },
  SANDBOX_START_TIMEOUT: { status: 504, retryable: true },
});

export interface AppErrorOptions {
  /** What the caller can do next, one sentence. */
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Message style: `Cannot <verb> <object>: <current state>`, no full stop, values quoted. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get status(): number {
    return ERROR_INFO[this.code].status;
  }

  get isRetryable(): boolean {
    return ERROR_INFO[this.code].retryable;
  }

  /** When to try again, in seconds: what `details.retryAfterS` says, else soon; undefined when that is of no use. */
  get retryAfterS(): number | undefined {
    if (!this.isRetryable) return undefined;
    const { retryAfterS } = this.details;
    return typeof retryAfterS === "number" ? retryAfterS : 1;
  }
}

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERROR_INFO, value);
}

/** Any throwable as an `AppError`; unknown ones become `INTERNAL` with a text that gives nothing away. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  return new AppError("INTERNAL", "Cannot answer the request: an unexpected error occurred", { cause: thrown });
}
