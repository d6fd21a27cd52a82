import { expect, test } from "bun:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as FormerClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as FormerHttpTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import { useDormouse } from "../support/suite.ts";

/* Stock MCP clients against a sandbox, through the gateway. */
const suite = useDormouse({ DORMOUSE_IDLE_MS: "300" });
const INFO = { name: "test", version: "1.0.0" };

interface ExecOutput {
  readonly structuredContent?: Readonly<Record<string, unknown>>;
}

const echo = (text: string) => ({
  name: "processExecute",
  arguments: { command: `echo ${text}`, waitForCompletion: true },
});

test("F220 the stock client connects over Streamable HTTP, present and former, and a sleeping sandbox wakes for it", async () => {
  const { api } = suite;
  await api.create("http");
  const url = new URL(`${api.sandboxUrl("http")}/mcp`);
  const requestInit = { headers: { Authorization: `Bearer ${api.key}` } };
  const client = new Client(INFO);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
  expect(client.getServerVersion()).toMatchObject({ name: "Sandbox API Server" });
  const former = new FormerClient(INFO);
  await former.connect(new FormerHttpTransport(url, { requestInit }));
  await api.untilState("http", "STANDBY");
  const answer = (await client.callTool(echo("awake"))) as ExecOutput;
  expect(answer.structuredContent).toMatchObject({ logs: "awake\n", exitCode: 0 });
  expect((await former.callTool(echo("former"))).structuredContent).toMatchObject({ logs: "former\n" });
  await client.close();
  await former.close();
  await api.remove("http");
});

test("F005 F220 the same server answers over a WebSocket at the sandbox's base URL, and the socket keeps it awake", async () => {
  const { api } = suite;
  await api.create("socket");
  const url = new URL(`${api.sandboxUrl("socket").replace("http", "ws")}?token=${api.key}`);
  const client = new FormerClient(INFO);
  await client.connect(new WebSocketClientTransport(url));
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain("codegenEditFile");
  await Bun.sleep(1500);
  expect((await api.get("socket")).state).toBe("RUNNING");
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) => client.callTool(echo(String(at))) as Promise<ExecOutput>),
  );
  expect(answers.map(({ structuredContent }) => structuredContent?.["logs"])).toEqual(
    Array.from({ length: 50 }, (_, at) => `${at}\n`),
  );
  await client.close();
  await api.untilState("socket", "STANDBY");
  await api.remove("socket");
});

test("MCP without a key is refused", async () => {
  await suite.api.create("guarded");
  const response = await fetch(`${suite.api.sandboxUrl("guarded")}/mcp`, { method: "POST", body: "{}" });
  expect(response.status).toBe(401);
  await suite.api.remove("guarded");
});
