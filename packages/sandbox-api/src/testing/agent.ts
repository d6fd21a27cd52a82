import type { ProcessResponse } from "@dormouse/schema";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SandboxApi, startSandboxApi } from "../server.ts";

/** An agent of a test's own: its working directory is an empty folder, and whatever it started is gone afterwards. */
export interface TestAgent extends AsyncDisposable {
  readonly api: SandboxApi;
  readonly url: string;
  /** Empty folder, the working directory of the agent. */
  readonly folder: string;
  request(path: string, init?: RequestInit): Promise<Response>;
  /** `POST /process`, expecting 200. */
  exec(body: Readonly<Record<string, unknown>>): Promise<ProcessResponse>;
}

/** Starts an agent on a free port, with `env` besides PATH, HOME and its folders. */
export function startTestAgent(env: Readonly<Record<string, string>> = {}): TestAgent {
  const root = mkdtempSync(join(tmpdir(), "agent-test-"));
  const folder = mkdtempSync(join(root, "work-"));
  const api = startSandboxApi({
    port: 0,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: folder, SANDBOX_LOG_DIR: join(root, "logs"), ...env },
    cwd: folder,
    build: { version: "0.0.0", gitCommit: "test", buildTime: "test" },
    onUnexpectedError: (error) => {
      throw error;
    },
  });
  const url = `http://127.0.0.1:${api.port}`;
  const request = (path: string, init?: RequestInit) => fetch(url + path, init);
  const exec = async (body: Readonly<Record<string, unknown>>) => {
    const response = await request("/process", { method: "POST", body: JSON.stringify(body) });
    if (response.status !== 200) throw new Error(`exec answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as ProcessResponse;
  };
  return {
    api,
    url,
    folder,
    request,
    exec,
    async [Symbol.asyncDispose]() {
      // An agent its test has closed answers no more.
      await killEverything(request).catch(() => undefined);
      await api.close(0);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function killEverything(request: TestAgent["request"]): Promise<void> {
  const processes = (await (await request("/process")).json()) as ProcessResponse[];
  for (const { pid } of processes) await request(`/process/${pid}/kill`, { method: "DELETE" });
}

/** Sends bytes as they are, where HTTP clients would rewrite them, and resolves to the whole answer. */
export async function sendRaw(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = await openSocket(port);
  socket.write(bytes);
  return readToEnd(socket);
}

/** `GET` of exactly this request target; resolves to status and body. */
export async function getRaw(agent: TestAgent, target: string): Promise<{ status: number; body: string }> {
  const answer = await sendRaw(agent.api.port, `GET ${target} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n`);
  const bodyAt = answer.indexOf("\r\n\r\n") + 4;
  return { status: Number(answer.split(" ")[1]), body: answer.slice(bodyAt) };
}

export function openSocket(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(port, "127.0.0.1", () => resolve(socket));
  socket.once("error", reject);
  return promise;
}

export function readToEnd(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("close", () => resolve(Buffer.concat(chunks).toString()));
  return promise;
}

/** Resolves once `isTrue` holds; for states that no event announces. */
export async function until(isTrue: () => boolean | Promise<boolean>, timeoutMs = 5000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error(`not true within ${timeoutMs} ms: ${isTrue.toString()}`);
    await Bun.sleep(5);
  }
}
