import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../config.ts";
import { ProcessTable } from "../../processes/process-table.ts";
import { until } from "../../testing/agent.ts";
import { startMcpAgent } from "../testing/clients.ts";
import { processExecuteTool } from "./process-execute.ts";

const mcp = await startMcpAgent();
afterAll(() => mcp[Symbol.asyncDispose]());

const folder = () => mcp.agent.folder;
const statusOf = async (identifier: unknown) => (await mcp.call("processGet", { identifier })).output["status"];

test("processExecute runs in / and returns at once, with the fields of its own shape (R-36)", async () => {
  const { output } = await mcp.call("processExecute", { command: "pwd", name: "where" });
  expect(output).toEqual({ pid: expect.any(String), name: "where", status: "running", exitCode: 0 });
  await until(async () => (await statusOf("where")) === "completed");
  expect((await mcp.call("processGetLogs", { identifier: "where" })).output).toEqual({ logs: "/\n" });
});

test("processExecute waits for the end and gives the output, a failing one too", async () => {
  const command = "echo out; echo err >&2; echo $WORD; exit 3";
  const input = { command, workingDir: folder(), env: { WORD: "hello" }, waitForCompletion: true };
  const { output, isError } = await mcp.call("processExecute", input);
  expect(isError).toBe(false);
  expect(output).toMatchObject({ status: "failed", exitCode: 3, logs: "out\nhello\nerr\n" });
});

test("nulls count as left out", async () => {
  const absent = { name: null, workingDir: null, env: null, timeout: null, waitForPorts: null, keepAlive: null };
  const { output } = await mcp.call("processExecute", { command: "pwd", ...absent, waitForCompletion: true });
  expect(output).toMatchObject({ status: "completed", logs: "/\n" });
});

test("a wait that is too long is an error that names the process, which goes on (R-35)", async () => {
  const { isError, text } = await mcp.call("processExecute", {
    command: "exec sleep 30",
    name: "long",
    waitForCompletion: true,
    timeout: 1,
  });
  const { output } = await mcp.call("processGet", { identifier: "long" });
  expect(isError).toBe(true);
  expect(text).toStartWith("process timed out after 1 seconds");
  expect(text).toContain(String(output["pid"]));
  expect(output["status"]).toBe("running");
  expect((await mcp.call("processStop", { identifier: "long" })).output).toEqual({ status: "stopped" });
});

test("a wait cut short by the edge's limit is no error but says to poll, and the process lives on (D-16, R-35)", async () => {
  const folder = mkdtempSync(join(tmpdir(), "execute-test-"));
  const config = readConfig({ PATH: "/usr/bin:/bin" }, folder);
  using processes = new ProcessTable(config, folder);
  const tool = processExecuteTool(config, processes, 1);
  const input = { command: "echo begun; exec sleep 30", keepAlive: true, waitForCompletion: true, timeout: 2 };
  const output = (await tool.call(input, new AbortController().signal)) as Record<string, unknown>;
  expect(output).toMatchObject({ status: "running", exitCode: 0, logs: "begun\n", pollRequired: true });
  expect(output["message"]).toContain("poll processGet");
  // The time until it is killed was not the time of the wait.
  const started = processes.get(String(output["pid"]));
  await started.finished;
  expect(started.status).toBe("killed");
  rmSync(folder, { recursive: true });
});

test("waitForPorts returns when the port is served", async () => {
  const program = `Bun.serve({ port: 0, fetch: () => new Response() })`;
  const listen = `const server = ${program}; console.log(server.port)`;
  const { output } = await mcp.call("processExecute", {
    command: `exec '${process.execPath}' -e '${listen}'`,
    name: "any",
  });
  const logs = async () => String((await mcp.call("processGetLogs", { identifier: "any" })).output["logs"]);
  await until(async () => (await logs()) !== "");
  const port = Number(await logs());
  await mcp.call("processKill", { identifier: output["pid"] });
  const fixed = listen.replace("port: 0", `port: ${port}`);
  const started = await mcp.call("processExecute", {
    command: `exec '${process.execPath}' -e '${fixed}'`,
    waitForPorts: [port],
  });
  expect(started.output["status"]).toBe("running");
  expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(200);
  expect((await mcp.call("processKill", { identifier: started.output["pid"] })).output).toEqual({ status: "killed" });
});

test("a port nobody listens on is an error, with the process going on", async () => {
  const input = { command: "exec sleep 30", name: "deaf", waitForPorts: [1], timeout: 1 };
  const { isError, text } = await mcp.call("processExecute", input);
  expect(isError).toBe(true);
  expect(text).toContain("timed out waiting for ports after 1 seconds");
  expect(await statusOf("deaf")).toBe("running");
});

test("a client that cancels ends its wait, not the process", async () => {
  const cancel = new AbortController();
  const input = { command: "exec sleep 30", name: "left", waitForCompletion: true };
  const call = mcp.call("processExecute", input, { signal: cancel.signal }).catch(() => "cancelled");
  await until(async () => !(await mcp.call("processGet", { identifier: "left" })).isError);
  cancel.abort();
  expect(await call).toBe("cancelled");
  expect(await statusOf("left")).toBe("running");
});

test("processesList shows every process whole (R-34)", async () => {
  const { output } = await mcp.call("processesList");
  const [first] = output["processes"] as Record<string, unknown>[];
  expect(first).toMatchObject({ name: "where", status: "completed", exitCode: 0, stdout: "/\n", restartCount: 0 });
});

test("what is not there is an error with a text (R-46)", async () => {
  const unknown = { identifier: "nobody" };
  expect((await mcp.call("processGet", unknown)).text).toBe("failed to get process: process not found");
  for (const name of ["processGet", "processGetLogs", "processStop", "processKill"]) {
    const { isError, text } = await mcp.call(name, unknown);
    expect(isError).toBe(true);
    expect(text).toContain("process not found");
  }
  const missing = await mcp.call("processExecute", { command: "true", workingDir: "/no/such" });
  expect(missing).toMatchObject({ isError: true, text: expect.stringContaining("'/no/such' does not exist") });
});
