import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dir, "main.ts");

/** The executable as it starts in a sandbox, told to announce on descriptor 3 that it is ready. */
function startMain(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "agent-main-"));
  const readyPath = join(folder, "ready");
  const script = `exec 3>"${readyPath}"; exec "$@"`;
  const child = Bun.spawn(["sh", "-c", script, "sh", process.execPath, MAIN, ...args], {
    cwd: folder,
    env: { PATH: "/usr/bin:/bin", SANDBOX_LOG_DIR: join(folder, "logs"), DORMOUSE_READY_FD: "3", ...env },
    stdout: "pipe",
    stderr: "ignore",
  });
  return {
    child,
    folder,
    readyPath,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function until<T>(read: () => T | Promise<T>, isRight: (value: T) => boolean): Promise<T> {
  for (const deadlineMs = performance.now() + 5000; performance.now() < deadlineMs; await Bun.sleep(5)) {
    const value = await read();
    if (isRight(value)) return value;
  }
  throw new Error("not seen within 5000 ms");
}

const isServing = async (url: string) =>
  fetch(url).then(
    (response) => response.ok,
    () => false,
  );

function freePort(): number {
  using server = Bun.serve({ port: 0, fetch: () => new Response() });
  return server.port ?? 0;
}

const exec = async (port: number, command: string) => {
  const body = JSON.stringify({ command, waitForCompletion: true });
  const response = await fetch(`http://127.0.0.1:${port}/process`, { method: "POST", body });
  return (await response.json()) as { pid: string; stdout: string };
};

test("it announces readiness when it answers, and SIGTERM ends it with 0 but not its processes", async () => {
  const port = freePort();
  await using main = startMain(["-p", String(port)]);
  await until(
    () => existsSync(main.readyPath) && readFileSync(main.readyPath, "utf8"),
    (text) => text === "ready\n",
  );
  const { stdout } = await exec(port, "env | grep -c DORMOUSE_; ls /proc/self/fd | wc -l; sleep 60 & echo $!");
  const [variableCount, descriptorCount, sleeper] = stdout.trim().split("\n").map(Number);
  expect([variableCount, descriptorCount]).toEqual([0, 4]);
  main.child.kill("SIGTERM");
  expect(await main.child.exited).toBe(0);
  process.kill(sleeper ?? 0, "SIGKILL");
});

test("the image's entry point runs as its child, in its directory, with its output in the log folder", async () => {
  const port = freePort();
  const entrypoint = ["/bin/sh", "-c", 'pwd; echo "$0" >&2; echo $PPID > parent', "an arg"];
  await using main = startMain(["--port", String(port), "--entrypoint-json", JSON.stringify(entrypoint)]);
  await until(() => Bun.file(join(main.folder, "parent")).exists(), Boolean);
  expect(Number(readFileSync(join(main.folder, "parent"), "utf8"))).toBe(main.child.pid);
  const logs = () => exec(port, "cat logs/run-*/entrypoint.stdout.log logs/run-*/entrypoint.stderr.log");
  expect((await logs()).stdout).toBe(`${main.folder}\nan arg\n`);
});

test("an entry point that cannot start is named in its log, and the API serves", async () => {
  const port = freePort();
  await using main = startMain(["-p", String(port), "--entrypoint-json", '["/no/such/program"]']);
  await until(() => isServing(`http://127.0.0.1:${port}/health`), Boolean);
  const { stdout } = await until(
    () => exec(port, "cat logs/run-*/entrypoint.stderr.log"),
    (done) => done.stdout !== "",
  );
  expect(stdout).toContain('Cannot start the entry point "/no/such/program": ');
  expect(main.child.exitCode).toBeNull();
});

test("an entry point that is the agent itself is not started a second time", async () => {
  const port = freePort();
  await using main = startMain(["-p", String(port), "--entrypoint-json", '["/usr/local/bin/sandbox-api"]']);
  await until(() => isServing(`http://127.0.0.1:${port}/health`), Boolean);
  expect((await exec(port, "ls logs/run-*")).stdout).not.toContain("entrypoint");
  expect(main.child.exitCode).toBeNull();
});

test("a second one says that the first is running, stays, and ends with SIGTERM", async () => {
  const port = freePort();
  await using first = startMain(["-p", String(port)]);
  await until(() => isServing(`http://127.0.0.1:${port}/health`), Boolean);
  await using second = startMain(["-p", String(port)]);
  const { value } = await second.child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe(`sandbox-api is already running on port ${port}\n`);
  expect([first.child.exitCode, second.child.exitCode]).toEqual([null, null]);
  second.child.kill("SIGTERM");
  expect(await second.child.exited).toBe(0);
});

test("a port taken by something else is an error", async () => {
  using other = Bun.serve({ port: 0, hostname: "::", fetch: () => new Response("not an agent") });
  await using main = startMain(["-p", String(other.port)]);
  expect(await main.child.exited).not.toBe(0);
});
