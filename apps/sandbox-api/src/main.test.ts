import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildAgent, FROM_SOURCES, startAgent, startReadyAgent, until } from "./testing/agent-process.ts";

const run = (...args: readonly string[]) => Bun.spawnSync([...FROM_SOURCES, ...args], { timeout: 10_000 });

test("it announces readiness when it answers, and SIGTERM ends it with 0 but not its processes", async () => {
  await using agent = await startReadyAgent();
  const { stdout } = await agent.exec("env | grep -c DORMOUSE_; ls /proc/self/fd | wc -l; sleep 60 & echo $!");
  const [variableCount, descriptorCount, sleeper] = stdout?.trim().split("\n").map(Number) ?? [];
  expect([variableCount, descriptorCount]).toEqual([0, 4]);
  agent.child.kill("SIGTERM");
  expect(await agent.child.exited).toBe(0);
  process.kill(sleeper ?? 0, "SIGKILL");
});

test("the image's entry point runs as its child, in its directory, with its output in the log folder", async () => {
  const entrypoint = ["/bin/sh", "-c", 'pwd; echo "$0" >&2; echo $PPID > parent', "an arg"];
  await using agent = await startReadyAgent({ args: ["--entrypoint-json", JSON.stringify(entrypoint)] });
  const parentPath = join(agent.folder, "parent");
  await until(() => Bun.file(parentPath).exists(), Boolean);
  expect(Number(readFileSync(parentPath, "utf8"))).toBe(agent.child.pid);
  const logs = await agent.exec("cat logs/run-*/entrypoint.stdout.log logs/run-*/entrypoint.stderr.log");
  expect(logs.stdout).toBe(`${agent.folder}\nan arg\n`);
});

test("what processes print is theirs: the agent's own output stays empty, so nothing can be forged there (R-20, R-28)", async () => {
  await using agent = await startReadyAgent();
  await agent.exec(`echo '{"source":"audit"}'; echo '{"level":"error"}' >&2`);
  agent.child.kill("SIGTERM");
  await agent.child.exited;
  expect(await agent.child.stdout.text()).toBe("");
});

test("an entry point that cannot start is named in its log, and the API serves", async () => {
  await using agent = await startReadyAgent({ args: ["--entrypoint-json", '["/no/such/program"]'] });
  const { stdout } = await until(
    () => agent.exec("cat logs/run-*/entrypoint.stderr.log"),
    (done) => done.stdout !== "",
  );
  expect(stdout).toContain('Cannot start the entry point "/no/such/program": ');
  expect(agent.child.exitCode).toBeNull();
});

test("an entry point that is the agent itself is not started a second time", async () => {
  await using agent = await startReadyAgent({ args: ["--entrypoint-json", '["/usr/local/bin/sandbox-api"]'] });
  expect((await agent.exec("ls logs/run-*")).stdout).not.toContain("entrypoint");
  expect(agent.child.exitCode).toBeNull();
});

test("a startup command runs once in / with the shell, with its output in the log folder, and is no process of the list", async () => {
  await using agent = await startReadyAgent({ args: ["-c", 'pwd; echo "a $((1 + 1))" >&2'] });
  const { stdout } = await until(
    () => agent.exec("cat logs/run-*/command.stdout.log logs/run-*/command.stderr.log"),
    (done) => done.stdout?.split("\n").length === 3,
  );
  expect(stdout).toBe("/\na 2\n");
  const listed = (await (await agent.request("/process")).json()) as { readonly command: string }[];
  expect(listed.filter(({ command }) => command.startsWith("pwd"))).toEqual([]);
});

test("a second one says that the first is running, stays, and ends with SIGTERM", async () => {
  await using first = await startReadyAgent();
  await using second = startAgent({ args: ["-p", String(first.port)] });
  const { value } = await second.child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe(`sandbox-api is already running on port ${first.port}\n`);
  expect([first.child.exitCode, second.child.exitCode]).toEqual([null, null]);
  second.child.kill("SIGTERM");
  expect(await second.child.exited).toBe(0);
});

test("a port taken by something else is an error", async () => {
  using other = Bun.serve({ port: 0, hostname: "::", fetch: () => new Response("not an agent") });
  await using agent = startAgent({ args: ["-p", String(other.port)] });
  expect(await agent.child.exited).toBe(1);
});

test("--help and --version answer on stdout and start nothing", () => {
  expect(run("--help").stdout.toString()).toStartWith("Usage: sandbox-api [options]\n");
  expect(run("--version").stdout.toString()).toMatch(/^sandbox-api \d+\.\d+\.\d+\n$/);
});

test("an argument it does not know is one sentence on stderr, and exit code 1", () => {
  const { stderr, exitCode } = run("--prot", "80");
  expect(stderr.toString()).toBe('Cannot read the command line: unknown argument "--prot" (see --help)\n');
  expect(exitCode).toBe(1);
});

test("a .env file where it is started is none of the compiled agent's business (D-24)", async () => {
  using built = await buildAgent();
  const command = ["sh", "-c", 'echo "FOREIGN=1" > .env; exec "$@"', "sh", built.path];
  await using agent = await startReadyAgent({ command });
  expect((await agent.exec("cat .env; env | grep -c FOREIGN")).stdout).toBe("FOREIGN=1\n0\n");
});

test("what did not fit into the environment counts before anything else (R-05)", async () => {
  const script = 'printf "SANDBOX_LOG_DIR\\0own\\0SHELL_ARGS\\0-x -c\\0NEWS\\0good\\0" > more; exec "$@"';
  const env = { BL_ENV_VAR_PATH: "{folder}/more" };
  await using agent = await startReadyAgent({ command: ["sh", "-c", script, "sh", ...FROM_SOURCES], env });
  expect(await agent.exec('echo "$NEWS"; [ -e own ]')).toMatchObject({
    status: "failed",
    stdout: "good\n",
    stderr: expect.stringContaining("+ echo good"),
  });
});

test.if(process.getuid?.() === 0)("a machine without a name takes the sandbox's (R-13)", async () => {
  const unname = "echo '(none)' > /proc/sys/kernel/hostname";
  const command = ["unshare", "--uts", "sh", "-c", `${unname} && exec "$@"`, "sh", ...FROM_SOURCES];
  await using agent = await startReadyAgent({ command, env: { BL_NAME: "my-sandbox" } });
  expect((await agent.exec("hostname; echo $HOSTNAME")).stdout).toBe("my-sandbox\nmy-sandbox\n");
});

test("ENABLE_PROCESSING_TIME adds the time an answer took", async () => {
  await using agent = await startReadyAgent({ env: { ENABLE_PROCESSING_TIME: "true" } });
  for (const path of ["/health", "/process/none"]) {
    const { headers } = await agent.request(path);
    expect(headers.get("server-timing")).toMatch(/^total;dur=\d+\.\d\d;desc="[^"]+"$/);
  }
});
