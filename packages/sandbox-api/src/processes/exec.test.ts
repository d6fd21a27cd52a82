import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { startTestAgent, until } from "../testing/agent.ts";

const post = (body: unknown) => ({ method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;

test("R-53: a waited command answers its output, its exit code and HTTP dates, then and afterwards", async () => {
  await using agent = startTestAgent();
  const done = await agent.exec({ command: "echo out; echo err >&2; exit 3", waitForCompletion: true, name: "n" });
  expect(done).toMatchObject({
    name: "n",
    status: "failed",
    exitCode: 3,
    stdout: "out\n",
    stderr: "err\n",
    logs: "out\nerr\n",
    workingDir: "",
    restartCount: 0,
    keepAlive: false,
  });
  expect(done.startedAt).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  expect(done.completedAt).toMatch(/GMT$/);
  expect(await (await agent.request("/process/n")).json()).toEqual(done);
});

test("a command that is not waited for answers at once, with logs null and an own name", async () => {
  await using agent = startTestAgent();
  const started = await agent.exec({ command: "sleep 60" });
  expect(started).toMatchObject({
    status: "running",
    exitCode: 0,
    completedAt: "",
    logs: null,
    stdout: "",
    stderr: "",
  });
  expect(started.name).toMatch(/^proc-[a-z0-9]{8}$/);
  const listed = (await (await agent.request("/process")).json()) as unknown[];
  expect(listed).toEqual([expect.objectContaining({ pid: started.pid, completedAt: null })]);
});

test("R-48: every command runs in a shell, with built-ins, globs, substitutions and here-documents", async () => {
  await using agent = startTestAgent();
  const command = "cd / && X=$(printf a; printf b) && cat <<END && type cd\n$X /et[c]\nEND";
  const done = await agent.exec({ command, waitForCompletion: true });
  expect(done.stdout).toStartWith("ab /et[c]\n");
  expect(done.exitCode).toBe(0);
});

test("SHELL and SHELL_ARGS choose the shell", async () => {
  await using agent = startTestAgent({ SHELL: "/bin/bash", SHELL_ARGS: "--norc -c" });
  const done = await agent.exec({ command: "[[ -n $BASH_VERSION ]] && echo bash", waitForCompletion: true });
  expect(done.stdout).toBe("bash\n");
});

test("an image without a shell is told so", async () => {
  await using agent = startTestAgent({ PATH: "/nonexistent" });
  const response = await agent.request("/process", post({ command: "true" }));
  expect(response.status).toBe(422);
  expect(await errorOf(response)).toStartWith("failed to start process: no shell (sh) in this image");
});

test("R-33: completion is the shell's exit, although a child keeps the output open", async () => {
  await using agent = startTestAgent();
  const startedAtMs = performance.now();
  const done = await agent.exec({ command: "sleep 30 & echo ok", waitForCompletion: true });
  expect(done).toMatchObject({ status: "completed", stdout: "ok\n" });
  expect(performance.now() - startedAtMs).toBeLessThan(5000);
});

test("later output of a background child shows up in the logs of the finished process", async () => {
  await using agent = startTestAgent();
  const command = `{ while [ ! -e go ]; do sleep 0.01; done; echo late; } & true`;
  const { pid } = await agent.exec({ command, waitForCompletion: true });
  await Bun.write(`${agent.folder}/go`, "");
  await until(async () => (await (await agent.request(`/process/${pid}/logs`)).text()).includes("late"));
});

test("R-52: request variables override the agent's own, and platform variables stay out", async () => {
  await using agent = startTestAgent({ A: "agent", B: "agent", DORMOUSE_READY_FD: "9" });
  const command = "echo $A $B $DORMOUSE_READY_FD; env | grep -c '^A='";
  const done = await agent.exec({ command, env: { A: "request" }, waitForCompletion: true });
  expect(done.stdout).toBe("request agent\n1\n");
});

test("stdin is empty, and the workload goes first when memory runs out", async () => {
  await using agent = startTestAgent();
  const done = await agent.exec({ command: "cat; cat /proc/self/oom_score_adj", waitForCompletion: true });
  expect(done.stdout).toBe("500\n");
  expect(Number(readFileSync("/proc/self/oom_score_adj", "utf8"))).toBeLessThan(500);
});

test("a process leads a group of its own", async () => {
  await using agent = startTestAgent();
  const done = await agent.exec({ command: "echo $$ $(ps -o pgid= -p $$)", waitForCompletion: true });
  expect(done.stdout).toBe(`${done.pid} ${done.pid}\n`);
});

test("R-44: a missing working directory is named together with the command", async () => {
  await using agent = startTestAgent();
  const response = await agent.request("/process", post({ command: "ls -a", workingDir: "/no/such" }));
  expect(response.status).toBe(422);
  expect(await errorOf(response)).toBe(
    "failed to start process: could not execute command 'ls -a' because folder '/no/such' does not exist",
  );
});

test("the working directory expands ~ and is echoed as given", async () => {
  await using agent = startTestAgent();
  const done = await agent.exec({ command: "pwd", workingDir: "~", waitForCompletion: true });
  expect(done).toMatchObject({ stdout: `${agent.folder}\n`, workingDir: "~" });
});

test("the timeout bounds only the wait: 422, and the process keeps running", async () => {
  await using agent = startTestAgent();
  const body = post({ command: "sleep 60", name: "long", waitForCompletion: true, timeout: 1 });
  const response = await agent.request("/process", body);
  expect(response.status).toBe(422);
  expect(await errorOf(response)).toBe("process timed out after 1 seconds");
  expect(await (await agent.request("/process/long")).json()).toMatchObject({ status: "running" });
});

test("a name in use by a running process is refused, one of a finished process is free", async () => {
  await using agent = startTestAgent();
  const first = await agent.exec({ command: "sleep 60", name: "web" });
  const second = await agent.request("/process", post({ command: "true", name: "web" }));
  expect(second.status).toBe(400);
  expect(await errorOf(second)).toBe("process with name 'web' already exists and is running");
  await agent.request("/process/web/kill", { method: "DELETE" });
  const third = await agent.exec({ command: "true", name: "web", waitForCompletion: true });
  expect(await (await agent.request("/process/web")).json()).toMatchObject({ pid: third.pid });
  expect(await (await agent.request(`/process/${first.pid}`)).json()).toMatchObject({ status: "killed" });
});

test("D-07: the logs of a name used twice stay apart", async () => {
  await using agent = startTestAgent();
  const first = await agent.exec({ command: "echo one", name: "job", waitForCompletion: true });
  const second = await agent.exec({ command: "echo two", name: "job", waitForCompletion: true });
  const logs = async (id: string) => (await agent.request(`/process/${id}/logs/stream`)).text();
  expect(await logs(first.pid)).toBe("stdout:one\n");
  expect(await logs(second.pid)).toBe("stdout:two\n");
});

test("a number is looked up as a pid only, and a name with a slash cannot start", async () => {
  await using agent = startTestAgent();
  await agent.exec({ command: "true", name: "12", waitForCompletion: true });
  expect((await agent.request("/process/12")).status).toBe(404);
  expect((await agent.request("/process", post({ command: "true", name: "a/b" }))).status).toBe(422);
});

test("bodies follow the decoding rules: any case, null as absent, unknown ignored, wrong types refused", async () => {
  await using agent = startTestAgent();
  const body = { Command: "echo ok", WAITFORCOMPLETION: true, name: null, cwd: "/", user: 7 };
  expect(await agent.exec(body)).toMatchObject({ stdout: "ok\n" });
  const bad = ["", "{", "[]", "{}", '{"command":""}', '{"command":1}', '{"command":"x","timeout":1.5}'];
  for (const text of [...bad, '{"command":"x","env":{"A":1}}', '{"command":"x","waitForPorts":[70000]}']) {
    const response = await agent.request("/process", post(text));
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toStartWith("invalid request body: ");
  }
});

test("R-50: finished processes hold no descriptors, and those without output no files", async () => {
  await using agent = startTestAgent();
  const logs = () => readdirSync(agent.api.logDirectory);
  await agent.exec({ command: "true", waitForCompletion: true });
  await until(() => logs().length === 0);
  const before = readdirSync("/proc/self/fd").length;
  for (let count = 0; count < 20; count += 1) await agent.exec({ command: "true", waitForCompletion: true });
  await agent.exec({ command: "echo kept", waitForCompletion: true });
  await until(() => logs().length === 1);
  expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
  expect(logs()).toEqual(["22.stdout.log"]);
});

test("logs are cut to their end, with a marker, and never inside a character", async () => {
  await using agent = startTestAgent({ SANDBOX_MAX_LOGS_RESPONSE_BYTES: "10" });
  const done = await agent.exec({ command: "printf 'aaaaaaaa\\303\\251bbbbbbbbb'", waitForCompletion: true });
  expect(done.stdout).toBe("[... truncated, see the process log file for the full output ...]\nbbbbbbbbb");
});

test("R-01: output beyond the cap is given back to the disk and its end stays readable", async () => {
  await using agent = startTestAgent({ SANDBOX_MAX_LOG_FILE_BYTES: String(1024 * 1024) });
  const command = "head -c 8000000 /dev/zero | tr '\\0' x; echo END; sleep 60";
  const { pid } = await agent.exec({ command });
  const path = `${agent.api.logDirectory}/1.stdout.log`;
  await until(async () => (await (await agent.request(`/process/${pid}/logs`)).text()).includes("END"));
  await until(() => statSync(path).blocks * 512 < 2 * 1024 * 1024);
  const { stdout } = (await (await agent.request(`/process/${pid}/logs`)).json()) as { stdout: string };
  expect(stdout).toEndWith("xEND\n");
  expect(stdout).not.toContain("\0");
});

test("the log folder is for its user only", async () => {
  await using agent = startTestAgent();
  const mode = Bun.spawnSync(["stat", "-c", "%a", agent.api.logDirectory]).stdout.toString();
  expect(mode).toBe("700\n");
});
