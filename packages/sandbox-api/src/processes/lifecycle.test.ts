import { expect, test } from "bun:test";
import type { ProcessResponse } from "@dormouse/schema";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { startTestAgent, type TestAgent, until } from "../testing/agent.ts";

const remove = (agent: TestAgent, path: string) => agent.request(path, { method: "DELETE" });
const get = async (agent: TestAgent, id: string) =>
  (await (await agent.request(`/process/${id}`)).json()) as ProcessResponse;
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;

test.concurrent("stop answers at once and the process ends as stopped", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "sleep 60", name: "s" });
  const response = await remove(agent, "/process/s");
  expect(await response.json()).toEqual({ message: "Process stopped successfully" });
  await until(async () => (await get(agent, pid)).completedAt !== "");
  expect(await get(agent, pid)).toMatchObject({ status: "stopped", exitCode: -1 });
});

test.concurrent("a process that handles the stop and exits 0 has completed", async () => {
  await using agent = startTestAgent();
  const command = "trap 'exit 0' TERM; echo armed; while :; do sleep 0.01; done";
  const { pid } = await agent.exec({ command });
  await until(async () => (await get(agent, pid)).stdout === "armed\n");
  await remove(agent, `/process/${pid}`);
  await until(async () => (await get(agent, pid)).status === "completed");
});

test.concurrent("a process that ignores the stop can still be killed, and stopping it again is a 404", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "trap '' TERM; echo armed; while :; do sleep 0.01; done" });
  await until(async () => (await get(agent, pid)).stdout === "armed\n");
  await remove(agent, `/process/${pid}`);
  expect(await get(agent, pid)).toMatchObject({ status: "stopped", completedAt: "" });
  const again = await remove(agent, `/process/${pid}`);
  expect(again.status).toBe(404);
  expect(await errorOf(again)).toBe(`process with Identifier ${pid} is not running`);
  expect(await (await remove(agent, `/process/${pid}/kill`)).json()).toEqual({
    message: "Process killed successfully",
  });
  expect(await get(agent, pid)).toMatchObject({ status: "killed", exitCode: -1 });
});

test.concurrent("R-54: kill ends the whole group, so its port is free for the next run", async () => {
  await using agent = startTestAgent();
  const port = await freePort();
  const command = `sh -c 'python3 -m http.server ${port} --bind 0.0.0.0'; true`;
  for (const name of ["first", "second"]) {
    await agent.exec({ command, name, waitForPorts: [port], timeout: 10 });
    await remove(agent, `/process/${name}/kill`);
  }
});

test.concurrent("kill reaches what a finished process left behind, once", async () => {
  await using agent = startTestAgent();
  const { pid, stdout } = await agent.exec({ command: "sleep 60 & echo $!", waitForCompletion: true });
  expect((await remove(agent, `/process/${pid}/kill`)).status).toBe(200);
  expect(await get(agent, pid)).toMatchObject({ status: "killed" });
  await until(() => isGone(Number(stdout)));
});

test.concurrent("D-21: kill of a process of which nothing is left signals nobody", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "true", waitForCompletion: true });
  const response = await remove(agent, `/process/${pid}/kill`);
  expect(response.status).toBe(404);
  expect(await errorOf(response)).toBe(`failed to kill process ${pid}: no such process`);
});

test.concurrent("D-04: unknown processes are 404 on every route", async () => {
  await using agent = startTestAgent();
  for (const path of ["/process/x", "/process/x/logs", "/process/x/logs/stream"]) {
    const response = await agent.request(path);
    expect(response.status).toBe(404);
    expect(await errorOf(response)).toBe("process not found");
  }
  expect((await remove(agent, "/process/x")).status).toBe(404);
  expect((await remove(agent, "/process/x/kill")).status).toBe(404);
});

test.concurrent("R-46: a failing process restarts up to its limit, keeping its pid, name and variables", async () => {
  await using agent = startTestAgent();
  const request = { command: "echo $V; exit 1", env: { V: "v" }, restartOnFailure: true, maxRestarts: 1 };
  const done = await agent.exec({ ...request, waitForCompletion: true });
  expect(done).toMatchObject({
    status: "failed",
    exitCode: 1,
    restartCount: 1,
    restartOnFailure: true,
    maxRestarts: 1,
  });
  expect(done.stdout).toBe("v\n\n[Process failed with exit code 1. Attempting restart 1/1...]\nv\n");
  expect(await get(agent, done.pid)).toMatchObject({ pid: done.pid, status: "failed" });
});

test.concurrent("R-19: a negative limit restarts without end, and D-08: stop reaches the restarted process", async () => {
  await using agent = startTestAgent();
  const command = "echo $$; [ -e again ] && exec sleep 60; touch again; exit 1";
  const { pid } = await agent.exec({ command, restartOnFailure: true, maxRestarts: -1 });
  const pids = async () => (await get(agent, pid)).stdout?.match(/^\d+$/gm) ?? [];
  await until(async () => (await pids()).length === 2);
  expect((await get(agent, pid)).stdout).toContain("Attempting restart 1/unlimited");
  await remove(agent, `/process/${pid}`);
  await until(async () => isGone(Number((await pids())[1])));
  expect(await get(agent, pid)).toMatchObject({ status: "stopped" });
});

test.concurrent("D-09: stop and kill during the pause before a restart cancel it", async () => {
  await using agent = startTestAgent();
  for (const [path, status] of [["", "stopped"] as const, ["/kill", "killed"] as const]) {
    const { pid } = await agent.exec({ command: "exit 1", restartOnFailure: true, maxRestarts: 5 });
    await until(async () => (await get(agent, pid)).restartCount === 1);
    expect((await remove(agent, `/process/${pid}${path}`)).status).toBe(200);
    expect(await get(agent, pid)).toMatchObject({ status });
    expect((await get(agent, pid)).completedAt).not.toBe("");
  }
});

test.concurrent("R-38: waitForPorts returns when all ports can be connected to", async () => {
  await using agent = startTestAgent();
  const [first, second] = [await freePort(), await freePort()];
  const serve = (port: number) => `python3 -m http.server ${port} --bind 0.0.0.0`;
  const command = `${serve(first)} & sleep 0.2; ${serve(second)}`;
  const started = await agent.exec({ command, waitForPorts: [first, second], timeout: 10 });
  expect(started).toMatchObject({ status: "running", logs: null });
  for (const port of [first, second]) expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
});

test.concurrent("R-24: a port is noticed within half a second", async () => {
  await using agent = startTestAgent();
  const port = await freePort();
  const program = `import socket, time
time.sleep(0.3)
listener = socket.create_server(("0.0.0.0", ${port}))
print(time.time(), flush=True)
time.sleep(60)`;
  await Bun.write(`${agent.folder}/listen.py`, program);
  const { pid } = await agent.exec({ command: "exec python3 listen.py", waitForPorts: [port], timeout: 10 });
  const noticedAtMs = Date.now();
  await until(async () => (await get(agent, pid)).stdout !== "");
  expect(noticedAtMs - Number((await get(agent, pid)).stdout) * 1000).toBeLessThan(500);
});

test.concurrent("D-01: waitForPorts counts a child whose shell has ended", async () => {
  await using agent = startTestAgent();
  const port = await freePort();
  const command = `python3 -m http.server ${port} --bind 0.0.0.0 &`;
  const { pid } = await agent.exec({ command, waitForPorts: [port], timeout: 10 });
  await until(async () => (await get(agent, pid)).status === "completed");
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
});

test.concurrent("D-01: waitForPorts fails when nothing is left that could listen, without a timeout", async () => {
  await using agent = startTestAgent();
  const body = JSON.stringify({ command: "exit 7", waitForPorts: [1] });
  const response = await agent.request("/process", { method: "POST", body });
  expect(response.status).toBe(422);
  expect(await errorOf(response)).toContain("process ended with exit code 7 before it listened on port 1");
});

test.concurrent("R-09: a listener on loopback counts, as previews reach it; somebody else's does not", async () => {
  await using agent = startTestAgent();
  for (const host of ["127.0.0.1", "::1"]) {
    const port = await freePort();
    const command = `python3 -m http.server ${port} --bind ${host}`;
    expect(await agent.exec({ command, waitForPorts: [port], timeout: 10 })).toMatchObject({ status: "running" });
  }
  const foreign = createServer().listen(0, "0.0.0.0");
  const foreignPort = (foreign.address() as { port: number }).port;
  const body = JSON.stringify({ command: "sleep 60", waitForPorts: [foreignPort], timeout: 1 });
  const response = await agent.request("/process", { method: "POST", body });
  expect(response.status).toBe(422);
  expect(await errorOf(response)).toBe("process timed out waiting for ports after 1 seconds");
  foreign.close();
});

test.concurrent("R-27 F128: the idle question is answered when the last keepAlive process ends, however it ends", async () => {
  await using agent = startTestAgent();
  const idle = async () => (await agent.request("/_dormouse/idle")).json();
  expect(await idle()).toEqual({ keepAliveCount: 0 });
  for (const end of ["", "/kill"]) {
    const { pid } = await agent.exec({ command: "sleep 60", keepAlive: true });
    await expectIdleAfter(agent, () => remove(agent, `/process/${pid}${end}`));
    expect(await get(agent, pid)).toMatchObject({ keepAlive: false });
  }
  await agent.exec({ command: "while [ ! -e end ]; do sleep 0.01; done", keepAlive: true, timeout: 0 });
  await expectIdleAfter(agent, () => Bun.write(`${agent.folder}/end`, ""));
});

test.concurrent("how many processes keep the sandbox alive is told at once when asked for", async () => {
  await using agent = startTestAgent();
  const count = async () => (await agent.request("/_dormouse/idle?wait=false")).json();
  await agent.exec({ command: "sleep 60" });
  const pids = await Promise.all(
    [1, 2].map(async () => (await agent.exec({ command: "sleep 60", keepAlive: true })).pid),
  );
  expect(await count()).toEqual({ keepAliveCount: 2 });
  for (const pid of pids) await remove(agent, `/process/${pid}/kill`);
  expect(await count()).toEqual({ keepAliveCount: 0 });
});

test.concurrent("F128 a keepAlive process is killed when its timeout elapses", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "sleep 60", keepAlive: true, timeout: 1 });
  await until(async () => (await get(agent, pid)).completedAt !== "");
  expect(await get(agent, pid)).toMatchObject({ status: "killed", exitCode: -1 });
});

test.concurrent("R-04: keepAlive is refused where it is disabled", async () => {
  await using agent = startTestAgent({ BL_DISABLE_KEEPALIVE: "true" });
  const body = JSON.stringify({ command: "true", keepAlive: true });
  const response = await agent.request("/process", { method: "POST", body });
  expect(response.status).toBe(400);
  expect(await errorOf(response)).toStartWith("keepAlive is not available for this sandbox");
});

test.concurrent("closing the agent does not touch its processes", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "sleep 60" });
  await agent.api.close(0);
  expect(isGone(Number(pid))).toBe(false);
  process.kill(-Number(pid), "SIGKILL");
});

async function expectIdleAfter(agent: TestAgent, end: () => Promise<unknown>): Promise<void> {
  let hasAnswered = false;
  const answer = agent.request("/_dormouse/idle").then((response) => {
    hasAnswered = true;
    return response.json();
  });
  await agent.request("/health");
  expect(hasAnswered).toBe(false);
  await end();
  expect(await answer).toEqual({ keepAliveCount: 0 });
}

/** A zombie is gone too: reaping it is the business of whatever is pid 1 here. */
function isGone(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return !existsSync(path) || /\) Z /.test(readFileSync(path, "latin1"));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
