import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

export const INSTALL_DIR = resolve(import.meta.dir, "../..");

export interface DormouseOptions {
  /** Made, and removed at the end, when absent. */
  readonly dataDir?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What runs it, before `up`; by default the command line of this checkout. */
  readonly command?: readonly string[];
}

export interface Dormouse extends AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  /** What `dormouse env` prints: points the stock SDK at it. */
  readonly env: Readonly<Record<string, string>>;
  /** Process ids of `up` and of the two it runs. */
  readonly pids: { readonly up: number; engine(): number; server(): number };
  /** Everything `up`, the engine and the server have written so far, logs included. */
  output(): string;
  stop(): Promise<void>;
  /** Ends `up` as a crash would. */
  kill(): Promise<void>;
}

/** A real `dormouse up` on a free port, as a user starts it. Its end is the user's Ctrl-C: sandboxes stay. */
export async function startDormouse(options: DormouseOptions = {}): Promise<Dormouse> {
  const dataDir = options.dataDir ?? mkdtempSync("/var/tmp/dormouse-test-");
  rmSync(join(dataDir, "endpoint"), { force: true });
  const command = options.command ?? [join(INSTALL_DIR, "dormouse")];
  const up = Bun.spawn([...command, "up", "--data", dataDir, "--port", "0"], {
    env: { ...process.env, DORMOUSE_LOG: "error", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = collectOutput(up);
  // One that fails while a test runs says why there.
  void up.exited.then((exitCode) => up.signalCode === null && exitCode !== 0 && process.stderr.write(output.text()));
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    up.kill(signal);
    await up.exited;
  };
  return {
    url: await output.url,
    dataDir,
    env: await readEnv(dataDir),
    pids: { up: up.pid, engine: () => childOf(up.pid, "engine"), server: () => childOf(up.pid, "server") },
    output: () => output.text(),
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    async [Symbol.asyncDispose]() {
      await end("SIGTERM");
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

interface Output {
  /** The address of the `up at http…` line. */
  readonly url: Promise<string>;
  text(): string;
}

/** Lines before the one with the address, such as a build's progress, are shown. */
function collectOutput(up: Bun.Subprocess<"ignore", "pipe", "pipe">): Output {
  const { promise: url, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  let isUp = false;
  const drain = async (stream: ReadableStream<Uint8Array>, isShown: boolean): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const part = decoder.decode(chunk, { stream: true });
      text += part;
      const address = /up at (https?:\/\/\S+?),/.exec(text)?.[1];
      isUp ||= address !== undefined;
      if (address !== undefined) resolve(address);
      else if (isShown && !isUp) process.stderr.write(part);
    }
  };
  drain(up.stdout, false).catch(reject);
  drain(up.stderr, true)
    .then(() => reject(new Error(`dormouse up ended: ${text.slice(-500)}`)))
    .catch(reject);
  return { url, text: () => text };
}

async function readEnv(dataDir: string): Promise<Record<string, string>> {
  const child = Bun.spawn([join(INSTALL_DIR, "dormouse"), "env", "--data", dataDir], { stdout: "pipe" });
  const lines = (await new Response(child.stdout).text()).trim().split("\n");
  return Object.fromEntries(
    lines.map((line) => line.replace("export ", "").split(/=(.*)/s).slice(0, 2) as [string, string]),
  );
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
