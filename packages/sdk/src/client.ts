import { AppError } from "@dormouse/kernel";
import { ApiError } from "./api-error.ts";
import type { Credential } from "./credential.ts";
import { withRetries } from "./retry.ts";

/** Answers of this version come in pages. */
const API_VERSION = "2026-04-28";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;
export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ClientOptions {
  /** Base of the control plane, such as `http://localhost:4111/v0`. */
  readonly apiUrl: string;
  /** Base of sandboxes that do not say their address; by default `/run` beside the control plane. */
  readonly runUrl?: string | undefined;
  readonly workspace: string;
  /** Absent for the calls that need none. */
  readonly credential?: Credential | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly fetch?: Fetch | undefined;
}

export interface RequestOptions {
  /** What is undefined is left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is; its type belongs into `headers`. */
  readonly rawBody?: NonNullable<RequestInit["body"]>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** How often to try again at most; by default 2, and never for a POST into a sandbox, which might run twice. */
  readonly retries?: number;
}

/** An answer with what its headers say, such as `x-blaxel-upload-url`. */
export interface Answer<T> {
  readonly data: T;
  readonly status: number;
  readonly headers: Headers;
}

export interface Client {
  readonly apiUrl: string;
  readonly runUrl: string;
  readonly workspace: string;
  readonly credential: Credential | undefined;
  /** The parsed answer. @throws {ApiError} of a failure, {AppError} UPSTREAM_UNREACHABLE without an answer. */
  request<T>(method: Method, path: string, options?: RequestOptions): Promise<T>;
  exchange<T>(method: Method, path: string, options?: RequestOptions): Promise<Answer<T>>;
  /** The answer as it comes, for streams and files; failures are thrown all the same. */
  send(method: Method, path: string, options?: RequestOptions): Promise<Response>;
  /** The same caller at another address: the API of a sandbox. */
  at(baseUrl: string): Client;
}

export function createClient(options: ClientOptions): Client {
  const apiUrl = withoutEndSlash(options.apiUrl);
  return clientAt(apiUrl, {
    ...options,
    apiUrl,
    runUrl: withoutEndSlash(options.runUrl ?? `${apiUrl.replace(/\/v0$/, "")}/run`),
  });
}

type Settings = ClientOptions & { readonly runUrl: string };

function clientAt(baseUrl: string, settings: Settings): Client {
  const send = (method: Method, path: string, options: RequestOptions = {}): Promise<Response> =>
    sendRequest(
      settings,
      { method, url: urlOf(baseUrl, path, options.query) },
      retryingAt(baseUrl, settings, method, options),
    );
  const exchange = async <T>(method: Method, path: string, options?: RequestOptions): Promise<Answer<T>> => {
    const response = await send(method, path, options);
    return { data: (await readBody(response)) as T, status: response.status, headers: response.headers };
  };
  return {
    apiUrl: settings.apiUrl,
    runUrl: settings.runUrl,
    workspace: settings.workspace,
    credential: settings.credential,
    send,
    exchange,
    request: async <T>(method: Method, path: string, options?: RequestOptions) =>
      (await exchange<T>(method, path, options)).data,
    at: (otherUrl) => clientAt(withoutEndSlash(otherUrl), settings),
  };
}

function retryingAt(baseUrl: string, settings: Settings, method: Method, options: RequestOptions): RequestOptions {
  const mayRunTwice = method === "POST" && baseUrl !== settings.apiUrl;
  return mayRunTwice ? { retries: 0, ...options } : options;
}

interface Target {
  readonly method: Method;
  readonly url: string;
}

async function sendRequest(settings: Settings, { method, url }: Target, options: RequestOptions): Promise<Response> {
  const headers = await headersOf(settings, options);
  const { signal, retries, rawBody } = options;
  const body = rawBody ?? (options.body === undefined ? null : JSON.stringify(options.body));
  const init: RequestInit = { method, headers, body, ...(signal !== undefined && { signal }) };
  const call = settings.fetch ?? fetch;
  // A stream can be read once only.
  const mayRepeat = !(rawBody instanceof ReadableStream);
  const response = await withRetries(() => call(url, init), { retries: mayRepeat ? retries : 0, signal }).catch(
    (error: unknown) => {
      if (signal?.aborted === true) throw error;
      throw unreachable(url, error);
    },
  );
  if (response.ok) return response;
  throw new ApiError(response, await readBody(response));
}

async function headersOf({ workspace, credential, headers }: Settings, options: RequestOptions): Promise<Headers> {
  const merged = new Headers({ "Blaxel-Version": API_VERSION, ...headers });
  if (workspace !== "") merged.set("X-Blaxel-Workspace", workspace);
  if (credential !== undefined) merged.set(credential.header, `Bearer ${await credential.bearer()}`);
  if (options.body !== undefined) merged.set("Content-Type", "application/json");
  for (const [name, value] of Object.entries(options.headers ?? {})) merged.set(name, value);
  return merged;
}

/** JSON parsed, other text as it is, `undefined` for none. */
async function readBody(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function urlOf(baseUrl: string, path: string, query: RequestOptions["query"]): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  if (pairs.length === 0) return baseUrl + path;
  const separator = path.includes("?") ? "&" : "?";
  return baseUrl + path + separator + new URLSearchParams(Object.fromEntries(pairs)).toString();
}

const withoutEndSlash = (url: string): string => url.replace(/\/+$/, "");

function unreachable(url: string, cause: unknown): AppError {
  const said = cause instanceof Error ? cause.message : String(cause);
  const reason = said.replace(" Is the computer able to access the url?", "").replace(/\.$/, "");
  return new AppError("UPSTREAM_UNREACHABLE", `Cannot reach ${new URL(url).origin}: ${reason}`, {
    hint: /certificate|self.signed/i.test(reason)
      ? "For a certificate authority of your own, set NODE_EXTRA_CA_CERTS to the file with its certificate"
      : "Is the server running? Its address comes from BL_API_URL or from your login",
    cause,
  });
}
