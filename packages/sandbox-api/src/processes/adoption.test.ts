import { expect, test } from "bun:test";
import type { AgentIdle } from "@dormouse/schema";
import { until } from "../testing/agent.ts";
import { type AgentProcess, startAgentProcess } from "./testing/agent-process.ts";

const ended = (agent: AgentProcess, id: string) => until(async () => (await agent.get(id)).completedAt !== "");
const waitFor = (file: string) => `while [ ! -e ${file} ]; do sleep 0.01; done`;

test.concurrent("R-33: processes go on when the agent's program is replaced, and end with their real status (D-18)", async () => {
  await using agent = await startAgentProcess();
  for (const [name, end] of Object.entries({ fine: "exit 0", bad: "exit 7", gone: "kill -9 $$" })) {
    await agent.exec({ command: `echo ${name}; ${waitFor("go")}; echo late; ${end}`, name });
  }
  await agent.replace();
  expect(await agent.get("fine")).toMatchObject({ status: "running", stdout: "fine\n", completedAt: "" });
  await Bun.write(`${agent.folder}/go`, "");
  for (const name of ["fine", "bad", "gone"]) await ended(agent, name);
  expect(await agent.get("fine")).toMatchObject({ status: "completed", exitCode: 0, stdout: "fine\nlate\n" });
  expect(await agent.get("bad")).toMatchObject({ status: "failed", exitCode: 7 });
  expect(await agent.get("gone")).toMatchObject({ status: "failed", exitCode: -1 });
});

test.concurrent("R-23: what ended before or during the replacement is known afterwards with its output", async () => {
  await using agent = await startAgentProcess();
  const before = await agent.exec({ command: "echo a; echo b >&2; exit 4", name: "before", waitForCompletion: true });
  await agent.exec({ command: "sleep 0.02; exit 5", name: "during" });
  await agent.replace();
  expect(await agent.get("before")).toEqual({ ...before });
  await ended(agent, "during");
  expect(await agent.get("during")).toMatchObject({ status: "failed", exitCode: 5 });
  expect(await (await agent.request("/process/before/logs/stream")).text()).toBe("stdout:a\nstderr:b\n");
});

test.concurrent("R-18: a log stream of an adopted process replays, follows and ends with it (D-18)", async () => {
  await using agent = await startAgentProcess();
  const command = `echo one; echo two >&2; ${waitFor("go1")}; echo three; ${waitFor("go2")}; echo four`;
  const { pid } = await agent.exec({ command });
  await until(async () => (await agent.get(pid)).logs === "one\ntwo\n");
  await Bun.write(`${agent.folder}/go1`, "");
  await until(async () => (await agent.get(pid)).stdout === "one\nthree\n");
  await agent.replace();
  const stream = agent.request(`/process/${pid}/logs/stream`).then((response) => response.text());
  await Bun.write(`${agent.folder}/go2`, "");
  const lines = (await stream).split("\n").filter((line) => line !== "" && line !== "[keepalive]");
  expect(lines.toSorted()).toEqual(["stderr:two", "stdout:four", "stdout:one", "stdout:three"]);
  expect(lines.slice(-2)).toEqual(["stdout:three", "stdout:four"]);
});

test.concurrent("R-19: restarts go on after a replacement, with the process's own variables", async () => {
  await using agent = await startAgentProcess();
  const command = `echo $V; ${waitFor("go")}; exit 1`;
  const { pid } = await agent.exec({ command, env: { V: "own" }, restartOnFailure: true, maxRestarts: 2 });
  await agent.replace();
  await Bun.write(`${agent.folder}/go`, "");
  await until(async () => (await agent.get(pid)).restartCount === 1);
  // In the pause before the second attempt.
  await agent.replace();
  await ended(agent, pid);
  const { stdout, ...rest } = await agent.get(pid);
  expect(rest).toMatchObject({ pid, status: "failed", exitCode: 1, restartCount: 2 });
  expect(stdout?.match(/^own$/gm)).toHaveLength(3);
  expect(stdout).toContain("Attempting restart 2/2");
});

test.concurrent("R-27: keepAlive and its deadline outlive a replacement (D-18)", async () => {
  await using agent = await startAgentProcess();
  const { pid } = await agent.exec({ command: "sleep 60", keepAlive: true, timeout: 1 });
  await agent.replace();
  expect(await agent.get(pid)).toMatchObject({ status: "running", keepAlive: true });
  const idle = (await (await agent.request("/_dormouse/idle")).json()) as AgentIdle;
  expect(idle).toEqual({ keepAliveCount: 0 });
  expect(await agent.get(pid)).toMatchObject({ status: "killed", exitCode: -1 });
});

test.concurrent("an open stdin stays open through replacements, and stop and kill reach adopted processes", async () => {
  await using agent = await startAgentProcess();
  await agent.exec({ command: "cat", name: "cat", stdin: true });
  await agent.exec({ command: "sleep 60", name: "stopped" });
  await agent.exec({ command: "sleep 60 & sleep 60", name: "killed" });
  for (const line of ["one\n", "two\n"]) {
    await agent.request("/process/cat/stdin", { method: "POST", body: line });
    await agent.replace();
  }
  await agent.request("/process/cat/stdin", { method: "DELETE" });
  await agent.request("/process/stopped", { method: "DELETE" });
  await agent.request("/process/killed/kill", { method: "DELETE" });
  for (const name of ["cat", "stopped", "killed"]) await ended(agent, name);
  expect(await agent.get("cat")).toMatchObject({ status: "completed", exitCode: 0, stdout: "one\ntwo\n" });
  expect(await agent.get("stopped")).toMatchObject({ status: "stopped", exitCode: -1 });
  expect(await agent.get("killed")).toMatchObject({ status: "killed", exitCode: -1 });
});
