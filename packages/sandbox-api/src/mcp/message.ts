/** Identifies a request among those of its client, and comes back as it was sent. */
export type RequestId = string | number;

export type JsonObject = Readonly<Record<string, unknown>>;

/** A JSON-RPC message of a client. */
export interface Message {
  /** Null when no answer is due: to a notification, and to a response, as nothing is ever asked of a client. */
  readonly id: RequestId | null;
  /** Null for a response. */
  readonly method: string | null;
  /** Empty when it has none. */
  readonly params: JsonObject;
}

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: JsonObject;
}

/** What became of a request. */
export type Outcome = { readonly result: object } | { readonly error: RpcError };

/** The answer to a request. The id is null when the request could not be read. */
export type Reply = { readonly jsonrpc: "2.0"; readonly id: RequestId | null } & Outcome;

/** Error codes of JSON-RPC. */
export const PARSE_ERROR = -32_700;
export const INVALID_REQUEST = -32_600;
export const METHOD_NOT_FOUND = -32_601;
export const INVALID_PARAMS = -32_602;
/** Of errors that are about HTTP, not about the message. */
export const HTTP_ERROR = -32_000;

/** Largest message of a client. A file of the largest size that is read as a whole can be written, too. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

type ReadMessage =
  | { readonly message: Message; readonly refusal: null }
  | { readonly message: null; readonly refusal: Reply };

/** One message out of its text, or the answer to what is none. */
export function readMessage(text: string): ReadMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused(PARSE_ERROR, "Parse error: the message is not JSON");
  }
  if (Array.isArray(value)) return refused(INVALID_REQUEST, "Batches are not supported: send one message at a time");
  if (!isObject(value)) return refused(INVALID_REQUEST, "Invalid request: the message is not an object");
  const { id, method, params } = value;
  const wrong = whatIsWrong(value);
  if (wrong !== null) return refused(INVALID_REQUEST, `Invalid request: ${wrong}`, isRequestId(id) ? id : null);
  const isCall = typeof method === "string";
  const message: Message = {
    id: isCall && isRequestId(id) ? id : null,
    method: isCall ? method : null,
    params: isObject(params) ? params : {},
  };
  return { message, refusal: null };
}

function whatIsWrong({ jsonrpc, id, method, params, result, error }: JsonObject): string | null {
  if (jsonrpc !== "2.0") return "not a JSON-RPC 2.0 message";
  if (id !== undefined && !isRequestId(id)) return "the id must be a string or an integer";
  if (params !== undefined && !isObject(params)) return "the params must be an object";
  if (typeof method === "string") return null;
  const isResponse = method === undefined && (result !== undefined || error !== undefined);
  return isResponse ? null : "the method must be a string";
}

/** @param id of the request it answers, null when that is not known. */
export function failure(code: number, message: string, id: RequestId | null = null): Reply {
  return { jsonrpc: "2.0", id, error: { code, message } };
}

function refused(...args: Parameters<typeof failure>): ReadMessage {
  return { message: null, refusal: failure(...args) };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A larger integer would not come back as it was sent. */
const isRequestId = (value: unknown): value is RequestId => typeof value === "string" || Number.isSafeInteger(value);
