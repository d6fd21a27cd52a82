import type { ProcessResponse } from "@dormouse/schema";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An agent in an OS process of its own, with the process routes only. What it started is gone afterwards. */
export interface AgentProcess extends AsyncDisposable {
  readonly pid: number;
  /** Where its processes start. */
  readonly folder: string;
  readonly logDirectory: string;
  readonly url: string;
  request(path: string, init?: RequestInit): Promise<Response>;
  /** `POST /process`, expecting 200. */
  exec(body: object): Promise<ProcessResponse>;
  get(id: string): Promise<ProcessResponse>;
  /** Resolves once another program of the same pid serves. */
  replace(): Promise<void>;
}

const PROGRAM = join(import.meta.dir, "replaceable-agent.ts");

export interface AgentProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Shell command run as root before the agent, in a mount namespace of their own; `$LOGS` is its log folder. */
  readonly mounts?: string;
}

export async function startAgentProcess({ env = {}, mounts }: AgentProcessOptions = {}): Promise<AgentProcess> {
  const folder = mkdtempSync(join(tmpdir(), "agent-process-"));
  const logDirectory = join(folder, "logs");
  mkdirSync(logDirectory);
  const argv = [process.execPath, PROGRAM, folder, logDirectory];
  const isolated = ["unshare", "--mount", "sh", "-c", `${mounts}; exec "$@"`, "sh", ...argv];
  const child = Bun.spawn(mounts === undefined ? argv : isolated, {
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: folder, LOGS: logDirectory, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ports = child.stdout.getReader();
  const nextPort = async () => Number(Buffer.from((await ports.read()).value ?? "").toString());
  const url = `http://127.0.0.1:${await nextPort()}`;
  const request = (path: string, init?: RequestInit) => fetch(url + path, { keepalive: false, ...init });
  return {
    pid: child.pid,
    folder,
    logDirectory,
    url,
    request,
    async exec(body) {
      const response = await request("/process", { method: "POST", body: JSON.stringify(body) });
      if (response.status !== 200) throw new Error(`exec answered ${response.status}: ${await response.text()}`);
      return (await response.json()) as ProcessResponse;
    },
    get: async (id) => (await (await request(`/process/${id}`)).json()) as ProcessResponse,
    async replace() {
      await request("/replace", { method: "POST" });
      await nextPort();
    },
    async [Symbol.asyncDispose]() {
      await killEverything(request).catch(() => undefined);
      child.kill("SIGTERM");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function killEverything(request: AgentProcess["request"]): Promise<void> {
  const processes = (await (await request("/process")).json()) as ProcessResponse[];
  for (const { pid } of processes) await request(`/process/${pid}/kill`, { method: "DELETE" });
}
