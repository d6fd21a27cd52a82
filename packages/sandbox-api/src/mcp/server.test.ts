import { AppError } from "@dormouse/kernel";
import { expect, test } from "bun:test";
import type { Message } from "./message.ts";
import { McpServer, type ServerOptions } from "./server.ts";
import { McpService } from "./service.ts";
import { defineTool, type Tool } from "./tool.ts";

const HINTS = { title: "Test" };
const CALL = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "it", arguments: {} } } as const;

function toolThat(call: Tool["call"]): Tool {
  const definition = { name: "it", description: "It", hints: HINTS, input: {}, output: {} };
  return { ...defineTool({ ...definition, call: () => ({}) }), call };
}

function optionsOf(tool: Tool, unexpected: unknown[] = []): ServerOptions {
  return { tools: new Map([[tool.name, tool]]), onUnexpectedError: (error) => void unexpected.push(error) };
}

/** A tool that runs until nobody waits for it. */
function endlessTool() {
  const { promise: called, resolve } = Promise.withResolvers<AbortSignal>();
  const tool = toolThat((_input, signal) => {
    resolve(signal);
    return new Promise(() => undefined);
  });
  return { tool, called };
}

const aborted = async (signal: AbortSignal): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve());
  if (!signal.aborted) await promise;
};

test("a failure is a result with a text, which is never empty (R-46)", async () => {
  const unexpected: unknown[] = [];
  const failures: [error: Error, text: string][] = [
    [new AppError("INVALID_ARGUMENT", "no such thing"), "no such thing"],
    [new AppError("INVALID_ARGUMENT", ""), "Cannot finish it: it failed without saying why"],
    [new Error("a secret"), "Cannot finish it: an unexpected error occurred"],
  ];
  for (const [error, text] of failures) {
    const tool = toolThat(() => Promise.reject(error));
    const answer = await new McpServer(optionsOf(tool, unexpected)).receive(CALL);
    expect(answer).toMatchObject({ id: 1, result: { isError: true, content: [{ type: "text", text }] } });
  }
  expect(unexpected).toEqual([failures[2]?.[0]]);
});

test("a call that its client cancels ends without an answer, and no other does", async () => {
  const { tool, called } = endlessTool();
  const server = new McpServer(optionsOf(tool));
  const answer = server.receive(CALL);
  const signal = await called;
  const cancel = (requestId: unknown): Message => {
    return { id: null, method: "notifications/cancelled", params: { requestId } };
  };
  await server.receive(cancel("1"));
  expect(signal.aborted).toBe(false);
  await server.receive(cancel(1));
  expect(signal.aborted).toBe(true);
  expect(await answer).toBe(null);
});

test("an HTTP client that leaves ends its call", async () => {
  const { tool, called } = endlessTool();
  const service = new McpService(optionsOf(tool));
  await using http = Bun.serve({ port: 0, fetch: (request) => service.answer(request) });
  const left = new AbortController();
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(CALL) };
  const answer = fetch(http.url, { ...request, signal: left.signal });
  const signal = await called;
  left.abort();
  await expect(answer).rejects.toThrow();
  await aborted(signal);
});

test("a WebSocket that closes ends its calls", async () => {
  const { tool, called } = endlessTool();
  const session = new McpService(optionsOf(tool)).openSession();
  session.received(JSON.stringify(CALL));
  const signal = await called;
  session.closed(1000);
  expect(signal.aborted).toBe(true);
});
