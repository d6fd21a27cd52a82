import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

export const INSTALL_DIR = resolve(import.meta.dir, "../..");

export interface DormouseOptions {
  /** Made, and removed at the end, when absent. */
  readonly dataDir?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Dormouse extends AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  /** What `dormouse env` prints: points the stock SDK at it. */
  readonly env: Readonly<Record<string, string>>;
  /** Process ids of `up` and of the two it runs. */
  readonly pids: { readonly up: number; engine(): number; server(): number };
  stop(): Promise<void>;
}

/** A real `dormouse up` on a free port, as a user starts it. Its end is the user's Ctrl-C: sandboxes stay. */
export async function startDormouse(options: DormouseOptions = {}): Promise<Dormouse> {
  const dataDir = options.dataDir ?? mkdtempSync("/var/tmp/dormouse-test-");
  const endpointFile = join(dataDir, "endpoint");
  rmSync(endpointFile, { force: true });
  const up = Bun.spawn([join(INSTALL_DIR, "dormouse"), "up", "--data", dataDir, "--port", "0"], {
    env: { ...process.env, DORMOUSE_LOG: "error", ...options.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const url = await readUrl(up);
  const env = await readEnv(dataDir);
  const stop = async (): Promise<void> => {
    up.kill("SIGTERM");
    await up.exited;
  };
  return {
    url,
    dataDir,
    env,
    pids: { up: up.pid, engine: () => childOf(up.pid, "engine"), server: () => childOf(up.pid, "server") },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The `up at http://…` line; lines before it, such as a build's progress, are shown. */
async function readUrl(up: Bun.Subprocess<"ignore", "ignore", "pipe">): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const drain = async (): Promise<void> => {
    let text = "";
    for await (const chunk of up.stderr) {
      const part = new TextDecoder().decode(chunk);
      text += part;
      const url = /up at (http:\/\/\S+?),/.exec(text)?.[1];
      if (url !== undefined) resolve(url);
      else process.stderr.write(part);
    }
    reject(new Error(`dormouse up ended: ${text.slice(-500)}`));
  };
  drain().catch(reject);
  return promise;
}

async function readEnv(dataDir: string): Promise<Record<string, string>> {
  const child = Bun.spawn([join(INSTALL_DIR, "dormouse"), "env", "--data", dataDir], { stdout: "pipe" });
  const lines = (await new Response(child.stdout).text()).trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.replace("export ", "").split(/=(.*)/s).slice(0, 2) as [string, string]));
}

/** The child of `up` that runs one of our commands; its arguments name it. */
function childOf(upPid: number, command: "engine" | "server"): number {
  const children = readFileSync(`/proc/${upPid}/task/${upPid}/children`, "utf8").trim().split(" ");
  const pid = children.map(Number).find((child) => {
    const file = `/proc/${child}/cmdline`;
    return existsSync(file) && readFileSync(file, "utf8").split("\0").includes(command);
  });
  if (pid === undefined) throw new Error(`dormouse up runs no ${command} now`);
  return pid;
}
