/** A call that was answered, and not with success. */
export class ApiError extends Error {
  /** Of HTTP. */
  readonly status: number;
  /** Such as `SANDBOX_NOT_FOUND`; empty where the answer names none. */
  readonly code: string;
  /** What to do next, where the answer says so apart from its message. */
  readonly hint: string | undefined;
  /** The answer's body, parsed where it is JSON. */
  readonly body: unknown;
  readonly headers: Headers;

  constructor(response: Response, body: unknown) {
    const told = readFailure(body);
    super(told.message ?? `The server answered ${`${response.status} ${response.statusText}`.trim()}`);
    this.name = "ApiError";
    this.status = response.status;
    this.code = told.code ?? response.headers.get("x-blaxel-error-code") ?? "";
    this.hint = told.hint;
    this.body = body;
    this.headers = response.headers;
  }
}

interface Failure {
  readonly message?: string | undefined;
  readonly code?: string | undefined;
  readonly hint?: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The shapes a failure comes in: the control plane's `{ code, error, message }`, that of creating a sandbox (its `code` is a word),
 * the gateway's `{ error: { code, message, hint } }`, the sandbox API's `{ error }` and OAuth's `{ error, error_description }`.
 */
function readFailure(body: unknown): Failure {
  // A page of some proxy says less than its status.
  if (typeof body === "string") return /^\s*(<|$)/.test(body) ? {} : { message: body.trim() };
  if (!isFields(body)) return {};
  const { error } = body;
  if (isFields(error)) {
    return {
      message: text(error["message"]),
      code: text(error["code"]),
      hint: text(error["hint"]) ?? text(error["action"]),
    };
  }
  const message = text(body["message"]) ?? text(body["error_description"]);
  if (message === undefined) return { message: text(error), code: text(body["code"]) };
  return { message, code: text(body["code"]) ?? text(error) };
}

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
