import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { AgentHealth, ProcessResponse } from "@dormouse/sandbox-api";

const ROOT = resolve(import.meta.dir, "../../../..");
const MAIN = join(import.meta.dir, "../main.ts");

/** Command line of the agent from its sources. */
export const FROM_SOURCES: readonly string[] = [process.execPath, MAIN];

/** An agent in a process of its own, as in a sandbox. */
export interface AgentProcess extends AsyncDisposable {
  readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly port: number;
  /** Where it was started; others may look into it. */
  readonly folder: string;
  readonly readyPath: string;
  request(path: string, init?: RequestInit): Promise<Response>;
  /** `POST /process` that waits for the end, unless `fields` say otherwise. */
  exec(command: string, fields?: Readonly<Record<string, unknown>>): Promise<ProcessResponse>;
  health(): Promise<AgentHealth>;
}

export interface AgentStart {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts an agent on a free port, told to announce on descriptor 3 that it is ready; `{folder}` in `env` is its folder. */
export function startAgent({ command = FROM_SOURCES, args = [], env = {} }: AgentStart = {}): AgentProcess {
  const folder = mkdtempSync(join(tmpdir(), "agent-main-"));
  chmodSync(folder, 0o755);
  const port = freePort();
  const readyPath = join(folder, "ready");
  const script = `exec 3>"${readyPath}"; exec "$@"`;
  const placed = Object.entries(env).map(([name, value]) => [name, value.replaceAll("{folder}", folder)]);
  const child = Bun.spawn(["sh", "-c", script, "sh", ...command, "-p", String(port), ...args], {
    cwd: folder,
    env: {
      PATH: "/usr/bin:/bin",
      SANDBOX_LOG_DIR: join(folder, "logs"),
      DORMOUSE_READY_FD: "3",
      ...Object.fromEntries(placed),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const request = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
  return {
    child,
    port,
    folder,
    readyPath,
    request,
    async exec(line, fields = {}) {
      const body = JSON.stringify({ command: line, waitForCompletion: true, ...fields });
      const response = await request("/process", { method: "POST", body });
      if (!response.ok) throw new Error(`exec answered ${response.status}: ${await response.text()}`);
      return (await response.json()) as ProcessResponse;
    },
    health: async () => (await (await request("/health")).json()) as AgentHealth,
    async [Symbol.asyncDispose]() {
      await endProcesses(request).catch(() => undefined);
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The same, once it answers. */
export async function startReadyAgent(start: AgentStart = {}): Promise<AgentProcess> {
  const agent = startAgent(start);
  await until(
    () => existsSync(agent.readyPath) && readFileSync(agent.readyPath, "utf8"),
    (text) => text === "ready\n",
  );
  return agent;
}

async function endProcesses(request: AgentProcess["request"]): Promise<void> {
  const processes = (await (await request("/process")).json()) as ProcessResponse[];
  for (const { pid } of processes) await request(`/process/${pid}/kill`, { method: "DELETE" });
}

export async function until<T>(read: () => T | Promise<T>, isRight: (value: T) => boolean): Promise<T> {
  for (const deadlineMs = performance.now() + 10_000; performance.now() < deadlineMs; await Bun.sleep(5)) {
    const value = await read();
    if (isRight(value)) return value;
  }
  throw new Error("not seen within 10,000 ms");
}

function freePort(): number {
  using server = Bun.serve({ port: 0, fetch: () => new Response() });
  return server.port ?? 0;
}

/** The agent as one executable, built like the real one, in a folder that everybody may enter. */
export async function buildAgent(): Promise<{ readonly path: string } & Disposable> {
  const folder = mkdtempSync(join(tmpdir(), "agent-build-"));
  chmodSync(folder, 0o755);
  const path = join(folder, "sandbox-api");
  const options = [
    "--compile",
    "--minify",
    "--bytecode",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
  ];
  const build = Bun.spawn([process.execPath, "build", ...options, MAIN, "--outfile", path], {
    cwd: ROOT,
    stdout: "ignore",
    stderr: "pipe",
  });
  if ((await build.exited) !== 0) throw new Error(await build.stderr.text());
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
