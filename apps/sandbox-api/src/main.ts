import { isAgentRunning, parseArguments, type SandboxApi, startSandboxApi } from "@dormouse/sandbox-api";
import { closeSync, writeSync } from "node:fs";

const CLOSE_GRACE_MS = 10_000;
const BUILD = { version: "0.1.0", gitCommit: "unknown", buildTime: "unknown" };

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (error: unknown): void =>
  void process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);

/** Tells whoever started the agent, by the descriptor it gave, that requests are answered from now on. */
function announceReady(fd: string | undefined): void {
  if (fd === undefined || !/^\d+$/.test(fd)) return;
  writeSync(Number(fd), "ready\n");
  closeSync(Number(fd));
}

function onStopSignal(stop: () => Promise<void>): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(0)));
  }
}

/** Images start the agent themselves, and then wait for it: the second one stays and does nothing. */
async function stayBehind(port: number, cause: unknown): Promise<void> {
  if (!(await isAgentRunning(port))) throw cause;
  onStopSignal(() => Promise.resolve());
  say(`sandbox-api is already running on port ${port}`);
  setInterval(() => {}, 2 ** 31 - 1);
}

async function main(): Promise<void> {
  const { port, entrypoint } = parseArguments(process.argv.slice(2));
  const { env } = process;
  let api: SandboxApi;
  try {
    api = startSandboxApi({ port, env, cwd: process.cwd(), build: BUILD, onUnexpectedError: complain });
  } catch (error) {
    return stayBehind(port, error);
  }
  onStopSignal(() => api.close(CLOSE_GRACE_MS));
  announceReady(env["DORMOUSE_READY_FD"]);
  api.startEntrypoint(entrypoint);
}

void main();
