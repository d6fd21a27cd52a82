import { Client, StreamableHTTPClientTransport, type VersionNegotiationMode } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { expect, test } from "bun:test";
import { startTestAgent } from "../testing/agent.ts";
import { CLIENT_INFO, postMcp, startMcpAgent } from "./testing/clients.ts";

const SERVER_INFO = { name: "Sandbox API Server", version: "1.0.0" };
const LIST = { jsonrpc: "2.0", id: 7, method: "tools/list" };
const INITIALIZE = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: CLIENT_INFO },
};

const callOf = (id: number | string, name: string, input: object = {}) => {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: input } };
};

test("the stock client connects, lists and calls", async () => {
  await using mcp = await startMcpAgent();
  expect(mcp.client.getServerVersion()).toEqual(SERVER_INFO);
  expect(mcp.client.getServerCapabilities()).toEqual({ tools: {}, logging: {} });
  const { text, output, isError } = await mcp.call("fsGetWorkingDirectory");
  expect(isError).toBe(false);
  expect(output).toEqual({ path: mcp.agent.folder });
  expect(JSON.parse(text)).toEqual(output);
});

test("the 1.x client connects, lists and calls", async () => {
  await using agent = startTestAgent();
  const client = new OldClient(CLIENT_INFO);
  await client.connect(new OldTransport(new URL(`${agent.url}/mcp`)));
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain("processExecute");
  const { structuredContent } = await client.callTool({ name: "fsGetWorkingDirectory", arguments: {} });
  expect(structuredContent).toEqual({ path: agent.folder });
  await client.close();
});

const MODES: readonly [mode: VersionNegotiationMode, revision: string][] = [
  ["legacy", "2025-11-25"],
  ["auto", "2026-07-28"],
  [{ pin: "2026-07-28" }, "2026-07-28"],
];

for (const [mode, revision] of MODES) {
  test(`the stock client in mode ${JSON.stringify(mode)} speaks ${revision}`, async () => {
    await using agent = startTestAgent();
    const client = new Client(CLIENT_INFO, { versionNegotiation: { mode } });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${agent.url}/mcp`)));
    expect(client.getNegotiatedProtocolVersion()).toBe(revision);
    expect(client.getServerVersion()).toEqual(SERVER_INFO);
    expect((await client.listTools()).tools).toHaveLength(21);
    const { structuredContent } = await client.callTool({ name: "fsGetWorkingDirectory", arguments: {} });
    expect(structuredContent).toEqual({ path: agent.folder });
    expect(client.callTool({ name: "nothing", arguments: {} })).rejects.toThrow(`Unknown tool "nothing"`);
    await client.close();
  });
}

test("any request may come first, and is answered with one JSON object", async () => {
  await using agent = startTestAgent();
  const response = await postMcp(agent, LIST);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
  expect(response.headers.get("cache-control")).toBe("no-cache, no-store, must-revalidate");
  expect(await response.json()).toMatchObject({ jsonrpc: "2.0", id: 7, result: { tools: expect.any(Array) } });
});

test("the handshake answers with the revision of the client when it is known, else with the newest", async () => {
  await using agent = startTestAgent();
  const revisions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2023-01-01", "2026-07-28"];
  const answers = await Promise.all(
    revisions.map(async (protocolVersion) => {
      const asked = { ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion } };
      return (await (await postMcp(agent, asked)).json()) as { result: { protocolVersion: string } };
    }),
  );
  const latest = INITIALIZE.params.protocolVersion;
  expect(answers.map(({ result }) => result.protocolVersion)).toEqual([...revisions.slice(0, 4), latest, latest]);
});

test("what the protocol knows besides tools is answered, the rest is an error with its code", async () => {
  await using agent = startTestAgent();
  const requests: [method: string, params: unknown, expected: object][] = [
    ["ping", undefined, { result: {} }],
    ["logging/setLevel", { level: "debug" }, { result: {} }],
    ["logging/setLevel", { level: "loud" }, { error: { code: -32602, message: expect.stringContaining("emergency") } }],
    ["initialize", {}, { error: { code: -32602 } }],
    ["tools/call", {}, { error: { code: -32602 } }],
    ["tools/call", { name: "processesList", arguments: [] }, { error: { code: -32602 } }],
    ["resources/list", {}, { error: { code: -32601 } }],
    ["toString", {}, { error: { code: -32601 } }],
  ];
  for (const [method, params, expected] of requests) {
    const response = await postMcp(agent, { jsonrpc: "2.0", id: method, method, params });
    expect(await response.json()).toMatchObject({ id: method, ...expected });
    expect(response.status).toBe(200);
  }
});

test("a request without a handshake that contradicts its headers, or is too new, is refused", async () => {
  await using agent = startTestAgent();
  const meta = (version: unknown) => ({
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientCapabilities": {},
  });
  const ask = async (method: string, { version = "2026-07-28", name = "processesList", headers = {} }) => {
    const body = { jsonrpc: "2.0", id: 1, method, params: { name, _meta: meta(version) } };
    const usual = { "Mcp-Protocol-Version": version, "Mcp-Method": method, "Mcp-Name": name };
    const response = await postMcp(agent, body, { ...usual, ...headers });
    const { error } = (await response.json()) as { error?: { code: number; data?: object } };
    return { status: response.status, error };
  };
  expect(await ask("tools/call", {})).toEqual({ status: 200, error: undefined });
  const base64 = { "Mcp-Name": `=?base64?${btoa("processesList")}?=` };
  expect(await ask("tools/call", { headers: base64 })).toEqual({ status: 200, error: undefined });
  for (const header of ["Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name"]) {
    const refused = await ask("tools/call", { headers: { [header]: "other" } });
    expect(refused).toMatchObject({ status: 400, error: { code: -32020, message: expect.stringContaining(header) } });
  }
  const data = { supported: ["2026-07-28"], requested: "2099-01-01" };
  expect(await ask("tools/list", { version: data.requested })).toMatchObject({
    status: 400,
    error: { code: -32022, data },
  });
  expect(await ask("ping", {})).toMatchObject({ status: 404, error: { code: -32601 } });
  const bare = await postMcp(agent, LIST, { "Mcp-Protocol-Version": "2026-07-28" });
  expect([bare.status, await bare.json()]).toMatchObject([400, { id: 7, error: { code: -32602 } }]);
});

test("what asks for no answer is taken with 202 and no body", async () => {
  await using agent = startTestAgent();
  const messages = [
    { jsonrpc: "2.0", method: "notifications/initialized" },
    { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } },
    { jsonrpc: "2.0", id: 1, result: {} },
  ];
  for (const message of messages) {
    const response = await postMcp(agent, message);
    expect({ status: response.status, body: await response.text() }).toEqual({ status: 202, body: "" });
  }
});

test("GET and DELETE say 405: there is no stream and no session", async () => {
  await using agent = startTestAgent();
  const got = await agent.request("/mcp", { headers: { Accept: "text/event-stream" } });
  expect(got.status).toBe(405);
  expect(await got.json()).toEqual({ error: "SSE streaming not supported. Please use POST for MCP communication." });
  expect((await agent.request("/mcp", { method: "DELETE" })).status).toBe(405);
});

test("each answer carries the id of its request, with 50 of them at once (R-32)", async () => {
  await using agent = startTestAgent();
  const ids = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? index : `id-${index}`));
  const answers = await Promise.all(ids.map(async (id) => (await postMcp(agent, callOf(id, "processesList"))).json()));
  expect(answers.map((answer) => (answer as { id: unknown }).id)).toEqual(ids);
  expect(answers.every((answer) => "result" in (answer as object))).toBe(true);
});

test("an unknown protocol version is refused, except where versions are negotiated", async () => {
  await using agent = startTestAgent();
  const version = { "Mcp-Protocol-Version": "1999-01-01" };
  const refused = await postMcp(agent, LIST, version);
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain("1999-01-01");
  expect((await postMcp(agent, LIST, { "Mcp-Protocol-Version": "2025-06-18" })).status).toBe(200);
  const asked = { ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion: "1999-01-01" } };
  const answer = await (await postMcp(agent, asked, version)).json();
  expect(answer).toMatchObject({ result: { protocolVersion: "2025-11-25" } });
});

test("what is no message is refused in words", async () => {
  await using agent = startTestAgent();
  const refusals: [body: unknown, code: number, text: string][] = [
    ["{", -32700, "not JSON"],
    ["", -32700, "not JSON"],
    ["null", -32600, "not an object"],
    [[LIST, LIST], -32600, "Batches are not supported"],
    [{ id: 3, method: "tools/list" }, -32600, "not a JSON-RPC 2.0 message"],
    [{ ...LIST, id: 1.5 }, -32600, "the id must be"],
    [{ ...LIST, params: [] }, -32600, "the params must be"],
    [{ jsonrpc: "2.0", id: 3 }, -32600, "the method must be"],
  ];
  for (const [body, code, text] of refusals) {
    const response = await postMcp(agent, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code, message: expect.stringContaining(text) } });
  }
  expect((await postMcp(agent, LIST, { "Content-Type": "text/plain" })).status).toBe(415);
});

test("a message of more than 16 MiB is refused with 413, also when its length is not told", async () => {
  await using agent = startTestAgent();
  const chunk = new Uint8Array(1024 * 1024).fill(32);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let count = 0; count < 17; count += 1) controller.enqueue(chunk);
      controller.close();
    },
  });
  const headers = { "Content-Type": "application/json" };
  const streamed = await agent.request("/mcp", { method: "POST", headers, body });
  expect(streamed.status).toBe(413);
  expect((await postMcp(agent, JSON.stringify(LIST).padEnd(17 * 1024 * 1024))).status).toBe(413);
});

test("a web page of somewhere else cannot drive a sandbox from inside (R-17)", async () => {
  await using agent = startTestAgent();
  const foreign = await postMcp(agent, LIST, { Origin: "http://evil.example:8080", Host: "evil.example:8080" });
  expect(foreign.status).toBe(403);
  expect((await postMcp(agent, LIST, { Origin: "null" })).status).toBe(403);
  expect((await postMcp(agent, LIST, { Origin: "http://localhost:3000" })).status).toBe(200);
});

test("requests that come with a public host name are served: the edge forwards it (R-17)", async () => {
  await using agent = startTestAgent();
  expect((await postMcp(agent, LIST, { Host: "my-sandbox.example.com" })).status).toBe(200);
});
