import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessResponse } from "@dormouse/sandbox-api";
import {
  type AgentProcess,
  type AgentStart,
  buildAgent,
  FROM_SOURCES,
  startReadyAgent,
  until,
} from "./testing/agent-process.ts";

let built: Awaited<ReturnType<typeof buildAgent>>;
beforeAll(async () => {
  built = await buildAgent();
});
afterAll(() => built[Symbol.dispose]());

const start = (options: AgentStart = {}) => startReadyAgent({ command: [built.path], ...options });
const post = (agent: AgentProcess, path: string, body = "") => agent.request(path, { method: "POST", body });
const find = async (agent: AgentProcess, id: string) =>
  (await (await agent.request(`/process/${id}`)).json()) as ProcessResponse;
const background = (agent: AgentProcess, name: string, command: string, fields = {}) =>
  agent.exec(command, { name, waitForCompletion: false, ...fields });

/** Upgrades and resolves once the next agent answers. */
async function upgrade(agent: AgentProcess): Promise<void> {
  const { upgradeCount } = await agent.health();
  expect((await post(agent, "/upgrade")).status).toBe(200);
  await until(
    () => agent.health().catch(() => null),
    (health) => health?.upgradeCount === upgradeCount + 1,
  );
}

/** Resolves once the upgrade that was asked for has been given up. */
async function failedUpgrade(agent: AgentProcess) {
  expect((await post(agent, "/upgrade")).status).toBe(200);
  const { lastUpgrade, upgradeCount } = await until(
    () => agent.health(),
    (health) => health.lastUpgrade.status === "failed",
  );
  expect(upgradeCount).toBe(0);
  return lastUpgrade;
}

for (const [kind, command] of [
  ["compiled", null],
  ["from its sources", FROM_SOURCES],
] as const) {
  test(`an agent ${kind} is replaced within its process; what runs goes on and ends as it ends (D-18, R-33)`, async () => {
    await using agent = await start(command === null ? {} : { command });
    const counting = "i=0; while [ ! -e stop ]; do i=$((i+1)); echo $i; sleep 0.02; done; exit 7";
    await background(agent, "counting", counting);
    const answer = await post(agent, "/upgrade", '{"version":"v1","baseUrl":"http://127.0.0.1:1/elsewhere"}');
    expect(await answer.json()).toEqual({
      message: "Upgrade started",
      version: "v1",
      baseUrl: "http://127.0.0.1:1/elsewhere",
    });
    const health = await until(
      () => agent.health().catch(() => null),
      (health) => health?.upgradeCount === 1,
    );
    expect(health?.lastUpgrade).toMatchObject({ status: "completed", step: "completed", version: health?.version });
    const stream = agent.request("/process/counting/logs/stream");
    writeFileSync(join(agent.folder, "stop"), "");
    const lines = (await (await stream).text()).trim().split("\n");
    expect(lines).toEqual(lines.map((_, index) => `stdout:${index + 1}`));
    expect(await find(agent, "counting")).toMatchObject({ status: "failed", exitCode: 7 });
    expect(agent.child.exitCode).toBeNull();
  });
}

const UPGRADE_COUNT = 4;

test("nothing of an upgrade stays behind: no descriptor, no child, no file, no variable", async () => {
  await using agent = await start();
  await upgrade(agent);
  const look = async () => {
    const { stdout } = await agent.exec(
      `ls /proc/$PPID/fd | wc -l; env | grep -c DORMOUSE_; ls logs/run-* | grep -c upgrade`,
    );
    return (stdout ?? "").trim().split("\n").map(Number);
  };
  const [before = 0] = await look();
  for (let count = 0; count < UPGRADE_COUNT; count += 1) await upgrade(agent);
  const [after = 0, ...left] = await look();
  expect(left).toEqual([0, 0]);
  // One that each left would be as many; a connection that is just closing may be there or not.
  expect(Math.abs(after - before)).toBeLessThan(UPGRADE_COUNT);
});

test("a restart after an upgrade keeps the process's own variables, and its pid (R-19)", async () => {
  await using agent = await start();
  const command =
    'echo "$COLOUR"; [ -e second ] && exit 0; touch second; while [ ! -e go ]; do sleep 0.02; done; exit 1';
  const { pid } = await background(agent, "painter", command, {
    env: { COLOUR: "blue" },
    restartOnFailure: true,
    maxRestarts: 1,
  });
  await upgrade(agent);
  writeFileSync(join(agent.folder, "go"), "");
  const done = await until(
    () => find(agent, "painter"),
    ({ status }) => status !== "running",
  );
  expect(done).toMatchObject({ pid, status: "completed", restartCount: 1 });
  expect(done.stdout?.split("\n").filter((line) => line === "blue")).toHaveLength(2);
});

test("processes that end during the upgrade end as they would have (R-23)", async () => {
  await using agent = await start();
  const names = Array.from({ length: 20 }, (_, index) => `short-${index}`);
  for (const [index, name] of names.entries()) {
    await background(agent, name, `sleep 0.${String(index * 2).padStart(2, "0")}; exit ${index}`);
  }
  await upgrade(agent);
  for (const [index, name] of names.entries()) {
    const { status, exitCode } = await until(
      () => find(agent, name),
      (process) => process.status !== "running",
    );
    expect([status, exitCode]).toEqual([index === 0 ? "completed" : "failed", index]);
  }
});

test("the entry point and the startup command run once, are still followed, and leave no zombie", async () => {
  const entrypoint = ["/bin/sh", "-c", "echo $$ >> entry; while [ ! -e end ]; do sleep 0.02; done"];
  const args = ["--entrypoint-json", JSON.stringify(entrypoint), "-c", "touch /dev/null; sleep 0"];
  await using agent = await start({ args });
  const entryPath = join(agent.folder, "entry");
  await until(() => existsSync(entryPath) && readFileSync(entryPath, "utf8").endsWith("\n"), Boolean);
  await upgrade(agent);
  writeFileSync(join(agent.folder, "end"), "");
  const pid = readFileSync(entryPath, "utf8").trim();
  await until(
    () => existsSync(`/proc/${pid}`),
    (isThere) => !isThere,
  );
  expect(readFileSync(join(agent.folder, "ready"), "utf8")).toBe("ready\n");
  expect(readFileSync(entryPath, "utf8")).toBe(`${pid}\n`);
});

test("reloaded variables survive, and so does the folder processes start in, even when it is gone for a while (R-56)", async () => {
  const command = ["sh", "-c", 'mkdir place; cd place; exec "$0" "$@"', built.path];
  await using agent = await start({ command, env: { BL_METADATA_PATH: "{folder}/metadata" } });
  const metadata = join(agent.folder, "metadata");
  writeFileSync(metadata, '{"generation":2,"environment":{"NEWS":"good","OLD":"yes"}}');
  expect((await post(agent, "/environment/reload")).status).toBe(200);
  const place = join(agent.folder, "place");
  rmdirSync(place);
  await upgrade(agent);
  mkdirSync(place);
  expect((await agent.exec("echo $NEWS $OLD; pwd")).stdout).toBe(`good yes\n${place}\n`);
  writeFileSync(metadata, '{"generation":3,"environment":{"NEWS":"better"}}');
  expect(await (await post(agent, "/environment/reload")).json()).toEqual({ generation: 3, applied: 1, removed: 1 });
  expect((await agent.exec("echo $NEWS $OLD")).stdout).toBe("better\n");
});

test("terminals end with an upgrade, with everything in them", async () => {
  await using agent = await start();
  const socket = new WebSocket(`ws://127.0.0.1:${agent.port}/terminal/ws?shell=/bin/sh`);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  socket.send(JSON.stringify({ type: "input", data: "trap '' HUP; sleep 600 & echo $$ $! > pids\n" }));
  const path = join(agent.folder, "pids");
  await until(() => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"), Boolean);
  const [shell = "", orphan = ""] = readFileSync(path, "utf8").trim().split(" ");
  await upgrade(agent);
  await until(
    () => existsSync(`/proc/${shell}`),
    (isThere) => !isThere,
  );
  // Whoever reaps it may take a while.
  await until(
    () => !existsSync(`/proc/${orphan}`) || / Z /.test(readFileSync(`/proc/${orphan}/stat`, "utf8")),
    Boolean,
  );
});

test("an open input stays open, and a process that keeps the sandbox awake goes on doing so", async () => {
  await using agent = await start();
  await background(agent, "reader", "cat", { stdin: true });
  await background(agent, "keeper", "while [ ! -e end ]; do sleep 0.02; done", { keepAlive: true });
  const stdin = (body: string) => post(agent, "/process/reader/stdin", body);
  expect((await stdin("before ")).status).toBe(200);
  await upgrade(agent);
  const idle = agent.request("/_dormouse/idle");
  expect((await stdin("after")).status).toBe(200);
  await agent.request("/process/reader/stdin", { method: "DELETE" });
  const done = await until(
    () => find(agent, "reader"),
    ({ status }) => status !== "running",
  );
  expect(done).toMatchObject({ status: "completed", stdout: "before after" });
  expect(await find(agent, "keeper")).toMatchObject({ status: "running", keepAlive: true });
  writeFileSync(join(agent.folder, "end"), "");
  expect(await (await idle).json()).toEqual({ keepAliveCount: 0 });
});

test("a request under way gets its answer before the agent is replaced", async () => {
  await using agent = await start();
  const slow = agent.exec("sleep 0.5; echo done");
  await upgrade(agent);
  expect((await slow).stdout).toBe("done\n");
});

test("SIGTERM ends an upgraded agent with 0, but not its processes", async () => {
  await using agent = await start();
  const { pid } = await background(agent, "sleeper", "exec sleep 60");
  await upgrade(agent);
  agent.child.kill("SIGTERM");
  expect(await agent.child.exited).toBe(0);
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  process.kill(Number(pid), "SIGKILL");
});

test("an upgrade runs what is in the executable's place by then, and nothing else (D-22, R-16)", async () => {
  const path = join(built.path, "../other");
  copyFileSync(built.path, path);
  await using agent = await start({ command: [path] });
  copyFileSync(built.path, `${path}.new`);
  renameSync(`${path}.new`, path);
  await upgrade(agent);
  const { stdout } = await agent.exec("readlink /proc/$PPID/exe");
  expect(stdout).toBe(`${path}\n`);
  expect((await agent.health()).lastUpgrade.binaryPath).toBe(path);
});

describe("an upgrade that fails leaves the agent as it was, and says why", () => {
  test("when the new executable does not run", async () => {
    const path = join(built.path, "../broken");
    copyFileSync(built.path, path);
    await using agent = await start({ command: [path] });
    await background(agent, "sleeper", "sleep 60");
    writeFileSync(`${path}.new`, "#!/bin/sh\nexit 3\n", { mode: 0o755 });
    renameSync(`${path}.new`, path);
    expect(await failedUpgrade(agent)).toMatchObject({ step: "validate", error: expect.stringContaining("exit 3") });
    expect((await find(agent, "sleeper")).status).toBe("running");
  });

  test("when the state cannot be kept", async () => {
    await using agent = await start({ env: { SANDBOX_STATE_FILE: "/proc/no/state" } });
    await background(agent, "sleeper", "sleep 60");
    expect(await failedUpgrade(agent)).toMatchObject({ step: "replace", error: expect.stringContaining("/proc/no") });
    expect((await agent.exec("pwd")).stdout).toBe(`${agent.folder}\n`);
    expect((await find(agent, "sleeper")).status).toBe("running");
  });
});

describe.if(process.getuid?.() === 0)("an agent that runs as another user (R-08)", () => {
  test("is that user after an upgrade too, whatever the image says by then", async () => {
    await using agent = await start({ args: ["--user", "nobody"], env: { HOME: "/root" } });
    await upgrade(agent);
    expect((await agent.exec("id -un; echo $HOME; cat /proc/self/oom_score_adj")).stdout).toBe(
      "nobody\n/nonexistent\n500\n",
    );
  });
});
