import { readFileSync } from "node:fs";
import { AppError } from "@dormouse/kernel";
import { type Method, openSandbox } from "@dormouse/sdk";
import type { Context } from "../context.ts";

export interface RunOptions {
  readonly path?: string;
  readonly method: string;
  readonly data?: string;
  readonly file?: string;
  readonly uploadFile?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly header?: readonly string[];
  readonly stream?: boolean;
  /** Seconds. */
  readonly timeout?: number;
  readonly debug?: boolean;
}

const STREAMED = /^(text\/(event-stream|plain)|application\/x-ndjson)/;
const METHODS: readonly Method[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** `run sandbox NAME`: one request to the API inside a sandbox. */
export async function runRequest(context: Context, type: string, name: string, options: RunOptions): Promise<void> {
  assertSandbox(type);
  const sandbox = await openSandbox(context.client, name);
  const method = methodOf(options.method);
  const headers = headersOf(options);
  if (options.debug === true) context.io.stderr.write(`${method} ${options.path ?? "/"}\n`);
  const response = await sandbox.send(method, pathOf(options.path), {
    ...(await bodyOf(options)),
    headers,
    ...(options.params !== undefined && { query: options.params }),
    signal: options.timeout === undefined ? undefined : AbortSignal.timeout(options.timeout * 1000),
    retries: 0,
  });
  if (options.debug === true)
    context.io.stderr.write(`${response.status} ${response.headers.get("content-type") ?? ""}\n`);
  await print(context, response, options.stream === true);
}

function assertSandbox(type: string): void {
  if (["sandbox", "sandboxes", "sbx"].includes(type)) return;
  throw new AppError("INVALID_ARGUMENT", `Cannot run a ${type}: this server runs sandboxes`, {
    hint: "Use 'run sandbox NAME'",
  });
}

function methodOf(text: string): Method {
  const method = METHODS.find((known) => known === text.toUpperCase());
  if (method !== undefined) return method;
  throw new AppError("INVALID_ARGUMENT", `Cannot send a ${text} request: expected one of ${METHODS.join(", ")}`);
}

const pathOf = (path = ""): string => (path === "" || path.startsWith("/") ? path : `/${path}`);

function headersOf({ header = [], stream, data, file }: RunOptions): Record<string, string> {
  const pairs = header.map((line) => {
    const [, name, value = ""] = /^([^:]+):\s*(.*)$/s.exec(line) ?? [];
    if (name === undefined) {
      throw new AppError("INVALID_ARGUMENT", `Cannot send header "${line}": expected "Name: value"`);
    }
    return [name.trim(), value] as const;
  });
  const isJson = data !== undefined || file !== undefined;
  return {
    ...(isJson && { "Content-Type": "application/json" }),
    ...(stream === true && { Accept: "text/event-stream" }),
    ...Object.fromEntries(pairs),
  };
}

async function bodyOf({
  data,
  file,
  uploadFile,
  path,
}: RunOptions): Promise<{ rawBody?: string | Uint8Array<ArrayBuffer> }> {
  if (uploadFile !== undefined) return { rawBody: new Uint8Array(readLocal(uploadFile)) };
  if (file !== undefined) return { rawBody: await jsonOf(file) };
  if (data === undefined) return {};
  if (/^\/?process\/?$/.test(path ?? "")) assertJson(data);
  return { rawBody: data };
}

function readLocal(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new AppError("INVALID_ARGUMENT", `Cannot read "${file}": it is not there or not readable`, { cause });
  }
}

/** YAML contains JSON. */
async function jsonOf(file: string): Promise<string> {
  const { parse } = await import("yaml");
  return JSON.stringify(parse(readLocal(file).toString()));
}

function assertJson(text: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new AppError("INVALID_ARGUMENT", "Cannot send the data: a process is described in JSON", {
      hint: `Such as '{"command": "ls", "waitForCompletion": true}'`,
      cause,
    });
  }
}

async function print({ io, options }: Context, response: Response, isStreaming: boolean): Promise<void> {
  const type = response.headers.get("content-type") ?? "";
  if (isStreaming || STREAMED.test(type) || !type.includes("json")) {
    for await (const chunk of response.body ?? []) io.stdout.write(chunk);
    return;
  }
  const text = await response.text();
  io.stdout.write(
    options.output === "json" || text === "" ? `${text}\n` : `${JSON.stringify(JSON.parse(text), null, 2)}\n`,
  );
}
