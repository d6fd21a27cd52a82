import { expect, test } from "bun:test";
import type { ExecStreamEvent, ProcessResponse } from "@dormouse/schema";
import { openSocket, readToEnd, startTestAgent, type TestAgent, until } from "../testing/agent.ts";

const streamText = async (agent: TestAgent, id: string) => (await agent.request(`/process/${id}/logs/stream`)).text();

async function execStream(agent: TestAgent, body: object): Promise<{ response: Response; events: ExecStreamEvent[] }> {
  const headers = { Accept: "text/event-stream" };
  const response = await agent.request("/process", { method: "POST", headers, body: JSON.stringify(body) });
  const lines = (await response.text()).split("\n");
  expect(lines.pop()).toBe("");
  return { response, events: lines.map((line) => JSON.parse(line) as ExecStreamEvent) };
}

const dataOf = (events: readonly ExecStreamEvent[], type: string) =>
  events.map((event) => (event.type === type && "data" in event ? event.data : "")).join("");

const resultOf = (events: readonly ExecStreamEvent[]) =>
  JSON.parse(dataOf(events.slice(-1), "result")) as ProcessResponse;

test("a log stream replays in arrival order and then follows, each line once", async () => {
  await using agent = startTestAgent();
  const lines = "i=0; while [ $i -lt 20 ]; do echo out$i; echo err$i >&2; i=$((i+1)); sleep 0.01; done";
  const { pid } = await agent.exec({ command: lines });
  await until(async () => (await (await agent.request(`/process/${pid}/logs`)).text()).includes("out5"));
  const [live, replayed] = [await streamText(agent, pid), await streamText(agent, pid)];
  const expected = Array.from({ length: 20 }, (_, index) => [`stdout:out${index}`, `stderr:err${index}`]).flat();
  expect(
    live
      .split("\n")
      .filter((line) => line !== "")
      .sort(),
  ).toEqual(expected.toSorted());
  expect(
    replayed
      .split("\n")
      .filter((line) => line !== "")
      .sort(),
  ).toEqual(expected.toSorted());
  const lastOut5 = replayed.indexOf("stdout:out10");
  expect(replayed.indexOf("stderr:err5")).toBeLessThan(lastOut5);
});

test("output reaches a stream within milliseconds", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "while [ ! -e go ]; do sleep 0.001; done; date +%s%N; sleep 60" });
  const socket = await openSocket(agent.api.port);
  socket.write(`GET /process/${pid}/logs/stream HTTP/1.1\r\nHost: a\r\n\r\n`);
  const arrived = Promise.withResolvers<{ line: string; atMs: number }>();
  socket.on("data", (data: Buffer) => {
    const line = /stdout:(\d+)/.exec(data.toString())?.[1];
    if (line !== undefined) arrived.resolve({ line, atMs: Date.now() });
  });
  await Bun.write(`${agent.folder}/go`, "");
  const { line, atMs } = await arrived.promise;
  expect(atMs - Number(line) / 1e6).toBeLessThan(100);
  socket.destroy();
});

test("D-06, R-42: a line written in pieces gets one prefix, and lines of two streams do not cut each other", async () => {
  await using agent = startTestAgent();
  const command = "printf hel; sleep 0.03; echo whole >&2; sleep 0.03; echo lo; printf 'a\\nb\\n'";
  const { pid } = await agent.exec({ command });
  expect(await streamText(agent, pid)).toEndWith("stderr:whole\nstdout:hello\nstdout:a\nstdout:b\n");
});

test("R-29: the end of the output arrives before the stream ends, without a final line break too", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "seq 1 20000; printf end" });
  const text = await streamText(agent, pid);
  const lines = text.split("\n").filter((line) => line.startsWith("stdout:"));
  expect(lines).toHaveLength(20_001);
  expect(lines.at(-1)).toBe("stdout:end");
});

test("D-23: a line longer than a mebibyte is replayed whole", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({
    command: "head -c 3000000 /dev/zero | tr '\\0' x; echo",
    waitForCompletion: true,
  });
  expect((await streamText(agent, pid)).length).toBe("stdout:".length + 3_000_001);
});

test("R-41, R-55: a stream answers its headers before the process says anything", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "sleep 60" });
  const response = await agent.request(`/process/${pid}/logs/stream`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(response.headers.get("x-accel-buffering")).toBe("no");
  expect(response.headers.get("cache-control")).toBe("no-cache");
  await response.body?.cancel();
});

test("kill ends a stream with a notice that is not part of the log", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "echo x; sleep 60" });
  const socket = await openSocket(agent.api.port);
  const answer = readToEnd(socket);
  const seen = Promise.withResolvers<void>();
  socket.on("data", (data: Buffer) => data.includes("stdout:x") && seen.resolve());
  socket.write(`GET /process/${pid}/logs/stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await seen.promise;
  await agent.request(`/process/${pid}/kill`, { method: "DELETE" });
  expect(await answer).toContain("\n[Process is being forcefully killed]\n");
  expect(await streamText(agent, pid)).toBe("stdout:x\n");
});

test("a client that leaves a stream leaves nothing behind, and the process goes on", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "while :; do echo tick; sleep 0.01; done" });
  for (let count = 0; count < 3; count += 1) {
    const socket = await openSocket(agent.api.port);
    const seen = Promise.withResolvers<void>();
    socket.on("data", (data: Buffer) => data.includes("tick") && seen.resolve());
    socket.write(`GET /process/${pid}/logs/stream HTTP/1.1\r\nHost: a\r\n\r\n`);
    await seen.promise;
    socket.destroy();
  }
  expect(await (await agent.request(`/process/${pid}`)).json()).toMatchObject({ status: "running" });
});

test("a streaming exec sends raw chunks per stream and the result as a JSON string, last", async () => {
  await using agent = startTestAgent();
  const { response, events } = await execStream(agent, { command: "echo a; echo b >&2; exit 2" });
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  expect(dataOf(events, "stdout")).toBe("a\n");
  expect(dataOf(events, "stderr")).toBe("b\n");
  expect(resultOf(events)).toMatchObject({ status: "failed", exitCode: 2, stdout: "a\n", logs: "a\nb\n" });
});

test("a streaming exec keeps characters whole that arrive in two chunks", async () => {
  await using agent = startTestAgent();
  const { events } = await execStream(agent, { command: "printf '\\303'; sleep 0.05; printf '\\251'" });
  expect(dataOf(events, "stdout")).toBe("é");
});

test("a streaming exec sends bytes that are no text in base64 to a client that asks for it", async () => {
  await using agent = startTestAgent();
  const headers = { Accept: "text/event-stream; encoding=base64" };
  const body = JSON.stringify({ command: "printf '\\377\\000a'; echo b >&2; exit 3" });
  const response = await agent.request("/process", { method: "POST", headers, body });
  expect(response.headers.get("content-type")).toBe("application/x-ndjson; encoding=base64");
  const events = (await response.text())
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ExecStreamEvent);
  expect(Buffer.from(dataOf(events, "stdout"), "base64")).toEqual(Buffer.from([0xff, 0, 0x61]));
  expect(Buffer.from(dataOf(events, "stderr"), "base64").toString()).toBe("b\n");
  expect(resultOf(events).exitCode).toBe(3);
});

test("a streaming exec in base64 has no gaps: where the log was cut before it was read, it ends with an error", async () => {
  await using agent = startTestAgent({ SANDBOX_MAX_LOG_FILE_BYTES: String(1024 * 1024) });
  const headers = { Accept: "text/event-stream; encoding=base64" };
  // Twelve times what is kept, while nobody reads.
  const command = "i=0; while [ $i -lt 12 ]; do head -c 1048576 /dev/zero; i=$((i+1)); done";
  const response = await agent.request("/process", { method: "POST", headers, body: JSON.stringify({ command }) });
  await until(
    async () => ((await (await agent.request("/process")).json()) as { status: string }[])[0]?.status !== "running",
  );
  const last = (await response.text()).trim().split("\n").at(-1) ?? "";
  expect(JSON.parse(last)).toEqual({ type: "error", data: expect.stringContaining("some of it is lost") });
});

test("D-05, R-49: a silent streaming exec sends keepalive events, never output", async () => {
  await using agent = startTestAgent();
  const { events } = await execStream(agent, { command: "sleep 0.1" });
  expect(events.slice(0, -1)).toEqual([{ type: "keepalive" }]);
});

test("a streaming exec that cannot start says so in an error event, with status 200", async () => {
  await using agent = startTestAgent();
  const { response, events } = await execStream(agent, { command: "true", workingDir: "/no/such" });
  expect(response.status).toBe(200);
  expect(events).toEqual([{ type: "error", data: expect.stringContaining("folder '/no/such' does not exist") }]);
});

test("a streaming exec whose ports do not open in time ends with an error, and the process goes on", async () => {
  await using agent = startTestAgent();
  const { events } = await execStream(agent, { command: "sleep 60", name: "p", waitForPorts: [1], timeout: 1 });
  expect(events.at(-1)).toEqual({ type: "error", data: "process timed out waiting for ports after 1 seconds" });
  expect(await (await agent.request("/process/p")).json()).toMatchObject({ status: "running" });
});

test("a streaming exec with a bad body or a taken name is a plain 400", async () => {
  await using agent = startTestAgent();
  await agent.exec({ command: "sleep 60", name: "taken" });
  const headers = { Accept: "text/event-stream" };
  for (const body of ["{", JSON.stringify({ command: "true", name: "taken" })]) {
    const response = await agent.request("/process", { method: "POST", headers, body });
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toStartWith("application/json");
  }
});
