import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import { Client, type Transport } from "@modelcontextprotocol/client";
import { expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { openSocket, startTestAgent, type TestAgent, until } from "../testing/agent.ts";
import { CLIENT_INFO, startMcpAgent } from "./testing/clients.ts";

const wsUrl = (url: string, path: string) => new URL(path, url.replace("http", "ws"));
const overSocket = (path: string) => (url: string) =>
  new WebSocketClientTransport(wsUrl(url, path)) as unknown as Transport;

/** A connection driven by hand. */
async function openRaw(agent: TestAgent, path = "/") {
  const socket = new WebSocket(wsUrl(agent.url, path));
  const received: { id: unknown; result?: unknown; error?: { code: number; message: string } }[] = [];
  let closeCode = 0;
  socket.addEventListener("message", (event) => received.push(JSON.parse(String(event.data))));
  socket.addEventListener("close", (event) => (closeCode = event.code));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener("open", () => resolve());
  socket.addEventListener("error", () => reject(new Error("no connection")));
  await promise;
  return {
    received,
    closeCode: () => closeCode,
    send: (message: unknown) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    [Symbol.dispose]: () => socket.close(),
  };
}

/** A frame as clients send it, with a mask of zeroes; for up to 64 KiB of ASCII. */
function textFrame(text: string): Buffer {
  const header = Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([header, Buffer.from(text)]);
}

/** True while the other end of a connection is open, by what the kernel says of it. */
function hasPeer({ localPort, remotePort }: Socket): boolean {
  const hex = (port: number | undefined) => (port ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const ESTABLISHED = "01";
  const tables = ["tcp", "tcp6"].map((name) => readFileSync(`/proc/self/net/${name}`, "utf8"));
  const lines = tables
    .join("\n")
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  return lines.some(([, local, remote, state]) => {
    const isPeer = local?.endsWith(`:${hex(remotePort)}`) === true && remote?.endsWith(`:${hex(localPort)}`) === true;
    return isPeer && state === ESTABLISHED;
  });
}

const callOf = (id: number, name: string, input: object = {}) => {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: input } };
};

for (const path of ["/", "/mcp"]) {
  test(`the stock client works over a WebSocket at ${path} (F220)`, async () => {
    await using mcp = await startMcpAgent({}, overSocket(path));
    expect((await mcp.client.listTools()).tools.map(({ name }) => name)).toContain("processExecute");
    expect((await mcp.call("fsGetWorkingDirectory")).output).toEqual({ path: mcp.agent.folder });
  });
}

test("a client that needs no handshake works over a WebSocket too", async () => {
  await using agent = startTestAgent();
  const client = new Client(CLIENT_INFO, { versionNegotiation: { mode: "auto" } });
  await client.connect(overSocket("/")(agent.url));
  expect(client.getNegotiatedProtocolVersion()).toBe("2026-07-28");
  const { structuredContent } = await client.callTool({ name: "fsGetWorkingDirectory", arguments: {} });
  expect(structuredContent).toEqual({ path: agent.folder });
  await client.close();
});

test("a call that is cancelled gets no answer, and its process goes on", async () => {
  await using agent = startTestAgent();
  using raw = await openRaw(agent);
  raw.send(callOf(1, "processExecute", { command: "exec sleep 30", name: "long", waitForCompletion: true }));
  await until(async () => (await agent.request("/process/long")).ok);
  raw.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1, reason: "test" } });
  raw.send(callOf(2, "processGet", { identifier: "long" }));
  await until(() => raw.received.length === 1);
  expect(raw.received[0]).toMatchObject({ id: 2, result: { structuredContent: { status: "running" } } });
});

test("the transport of @blaxel/core works at the base URL (F220)", async () => {
  await using agent = startTestAgent();
  const program = join(import.meta.dir, "testing", "blaxel-client.ts");
  const child = Bun.spawn([process.execPath, program, agent.url], {
    env: { DO_NOT_TRACK: "1", HOME: agent.folder },
    stdout: "pipe",
  });
  const seen = JSON.parse(await child.stdout.text()) as { toolCount: number; structuredContent: unknown };
  expect(seen.structuredContent).toEqual({ path: agent.folder });
  expect(seen.toolCount).toBe(21);
});

test("answers carry the ids of their requests, with 50 of them at once (R-32)", async () => {
  await using agent = startTestAgent();
  using raw = await openRaw(agent);
  const ids = Array.from({ length: 50 }, (_, index) => index);
  for (const id of ids) raw.send(callOf(id, "processesList"));
  await until(() => raw.received.length === 50);
  expect(raw.received.map(({ id }) => id).sort((a, b) => Number(a) - Number(b))).toEqual(ids);
});

test("the sub-protocol is echoed when it is offered, and only then", async () => {
  await using agent = startTestAgent();
  const handshake = async (headers: string) => {
    const socket = await openSocket(agent.api.port);
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}${headers}\r\n`);
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString().toLowerCase()));
    const answer = await promise;
    socket.destroy();
    return answer;
  };
  expect(await handshake("Sec-WebSocket-Protocol: other, mcp\r\n")).toContain("sec-websocket-protocol: mcp\r\n");
  const plain = await handshake("");
  expect(plain).toStartWith("http/1.1 101");
  expect(plain).not.toContain("sec-websocket-protocol");
});

test("frames that are no message are refused, and the connection goes on", async () => {
  await using agent = startTestAgent();
  using raw = await openRaw(agent);
  raw.send("{");
  raw.send("[]");
  raw.send({ id: 5, method: 1 });
  raw.send({ jsonrpc: "2.0", id: 6, method: "ping" });
  await until(() => raw.received.length === 4);
  expect(raw.received.map(({ id, error }) => [id, error?.code])).toEqual([
    [null, -32700],
    [null, -32600],
    [5, -32600],
    [6, undefined],
  ]);
});

test("a message of more than 16 MiB closes the connection", async () => {
  await using agent = startTestAgent();
  using raw = await openRaw(agent);
  raw.send(" ".repeat(16 * 1024 * 1024 + 1));
  await until(() => raw.closeCode() !== 0);
  expect(raw.closeCode()).toBe(1009);
});

test("a connection has at most 64 calls under way", async () => {
  await using agent = startTestAgent();
  using raw = await openRaw(agent);
  const sleeping = { command: "sleep 30", waitForCompletion: true };
  for (let id = 0; id < 64; id += 1) raw.send(callOf(id, "processExecute", { ...sleeping, command: "exec sleep 30" }));
  raw.send(callOf(64, "processExecute", sleeping));
  await until(() => raw.received.length === 1);
  expect(raw.received[0]).toMatchObject({ id: 64, result: { isError: true } });
});

test("answers larger than the connection holds back arrive whole", async () => {
  await using agent = startTestAgent();
  using raw = await openRaw(agent);
  await Bun.write(`${agent.folder}/big`, "x".repeat(9 * 1024 * 1024));
  for (let id = 0; id < 4; id += 1) raw.send(callOf(id, "fsReadFile", { path: "big" }));
  await until(() => raw.received.length === 4);
  expect(raw.received.every(({ result }) => JSON.stringify(result).length > 18 * 1024 * 1024)).toBe(true);
});

test("a client that does not read its answers is cut off", async () => {
  await using agent = startTestAgent();
  await Bun.write(`${agent.folder}/big`, "x".repeat(9 * 1024 * 1024));
  const socket = await openSocket(agent.api.port);
  const keys = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  socket.write(`GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${keys}\r\n`);
  await once(socket, "data");
  socket.pause();
  for (let id = 0; id < 8; id += 1) socket.write(textFrame(JSON.stringify(callOf(id, "fsReadFile", { path: "big" }))));
  await until(() => !hasPeer(socket), 20_000);
  socket.destroy();
});

test("a page of somewhere else gets no WebSocket from inside (R-17)", async () => {
  await using agent = startTestAgent();
  const headers = { Upgrade: "websocket", Connection: "Upgrade", Origin: "https://evil.example" };
  const socket = await openSocket(agent.api.port);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${lines.join("")}\r\n`);
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once("data", (chunk: Buffer) => resolve(chunk.toString()));
  expect(await promise).toStartWith("HTTP/1.1 403");
  socket.destroy();
});

test("without an upgrade the base URL welcomes as before", async () => {
  await using agent = startTestAgent();
  expect(await (await agent.request("/")).json()).toMatchObject({ message: "Welcome to your Blaxel Sandbox" });
});
