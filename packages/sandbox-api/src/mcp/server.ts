import { callTool, type CallResult, failedCall } from "./call-tool.ts";
import {
  INVALID_PARAMS,
  isObject,
  type JsonObject,
  type Message,
  METHOD_NOT_FOUND,
  type Outcome,
  type Reply,
  type RequestId,
} from "./message.ts";
import { completed, discovery, isStateless, shakeHands } from "./revisions.ts";
import type { Tool } from "./tool.ts";
import type { ToolTable } from "./tool-table.ts";

/** Calls under way on one connection. */
const MAX_CALLS = 64;

const LOG_LEVELS: readonly unknown[] = "debug info notice warning error critical alert emergency".split(" ");

export interface ServerOptions {
  readonly tools: ToolTable;
  readonly onUnexpectedError: (error: unknown) => void;
}

interface Call {
  readonly id: RequestId;
  readonly left: AbortController;
}

/** The protocol side of one connection, or of one HTTP request. It keeps no session: any request may come first. */
export class McpServer {
  readonly #options: ServerOptions;
  readonly #calls = new Set<Call>();

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Resolves to the answer; null when none is due, or nobody waits for it any more. */
  async receive(message: Message): Promise<Reply | null> {
    const { id, method, params } = message;
    if (id === null) {
      if (method === "notifications/cancelled") this.#abandon((call) => call.id === params["requestId"]);
      return null;
    }
    const outcome = method === "tools/call" ? await this.#call(id, params) : this.#answer(message);
    if (outcome === null) return null;
    const isResult = "result" in outcome;
    return { jsonrpc: "2.0", id, ...(isResult ? { result: completed(message, outcome.result) } : outcome) };
  }

  /** Gives up what is under way: nobody waits for it any more. */
  close(): void {
    this.#abandon(() => true);
  }

  #answer(message: Message): Outcome {
    const { method, params } = message;
    if (method === "tools/list") return { result: { tools: [...this.#options.tools.values()].map(listed) } };
    if (isStateless(message)) return method === "server/discover" ? { result: discovery() } : unknownMethod(method);
    if (method === "initialize") {
      const { protocolVersion } = params;
      if (typeof protocolVersion !== "string") return invalidParams(`"protocolVersion" must be a string`);
      return { result: shakeHands(protocolVersion) };
    }
    if (method === "logging/setLevel" && !LOG_LEVELS.includes(params["level"])) {
      return invalidParams(`"level" must be one of ${LOG_LEVELS.join(", ")}`);
    }
    return method === "ping" || method === "logging/setLevel" ? { result: {} } : unknownMethod(method);
  }

  async #call(id: RequestId, { name, arguments: input = {} }: JsonObject): Promise<Outcome | null> {
    const { tools, onUnexpectedError } = this.#options;
    if (typeof name !== "string") return invalidParams(`"name" must be a string`);
    if (!isObject(input)) return invalidParams(`"arguments" must be an object`);
    const tool = tools.get(name);
    if (tool === undefined) return { error: { code: INVALID_PARAMS, message: `Unknown tool "${name}"` } };
    if (this.#calls.size >= MAX_CALLS) {
      return { result: failedCall(`Cannot call ${name}: ${MAX_CALLS} calls are under way already`) };
    }
    const call: Call = { id, left: new AbortController() };
    const { signal } = call.left;
    this.#calls.add(call);
    const result = callTool(tool, { input, signal, onUnexpectedError }).finally(() => this.#calls.delete(call));
    return orAbandoned(result, signal);
  }

  #abandon(isMeant: (call: Call) => boolean): void {
    for (const call of this.#calls) {
      if (isMeant(call)) call.left.abort();
    }
  }
}

/** Null as soon as nobody waits for the result any more. */
function orAbandoned(result: Promise<CallResult>, signal: AbortSignal): Promise<Outcome | null> {
  const { promise: abandoned, resolve } = Promise.withResolvers<null>();
  signal.addEventListener("abort", () => resolve(null), { once: true });
  return Promise.race([result.then((value) => ({ result: value })), abandoned]);
}

function listed({ call: _call, ...shown }: Tool): object {
  return shown;
}

const unknownMethod = (method: string | null): Outcome => ({
  error: { code: METHOD_NOT_FOUND, message: `Unknown method "${method}"` },
});
const invalidParams = (what: string): Outcome => ({
  error: { code: INVALID_PARAMS, message: `Invalid params: ${what}` },
});
