import type { FileSink } from "bun";
import { closeSync, writeSync } from "node:fs";
import { openReadyPipe } from "@dormouse/engine";

const READY_FD = 3;
const READY_LINE = "ready";

export interface ChildOptions {
  /** What to call it in an error. */
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Text for its standard input, which then stays open for more. */
  readonly input?: string;
}

export interface Child {
  readonly pid: number;
  /** Text the child reported when it became ready. */
  readonly report: string;
  readonly exited: Promise<number>;
  /** More for its standard input; lost when it has none or has ended. */
  send(text: string): void;
  stop(): Promise<void>;
}

/** Starts a process of ours and resolves when it says it is ready. @throws Error when it ends before that */
export async function startChild({ name, command, env, cwd, input }: ChildOptions): Promise<Child> {
  const child = Bun.spawn([...command], {
    stdio: [input === undefined ? "ignore" : "pipe", "inherit", "inherit", "pipe"],
    env: { ...env, DORMOUSE_READY_FD: String(READY_FD) },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const send = (text: string): void => void sendTo(child.stdin, text);
  if (input !== undefined) send(input);
  const report = await readReport(name, child.stdio[READY_FD], child.exited);
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill("SIGTERM");
    await child.exited;
  };
  return { pid: child.pid, report, exited: child.exited, send, stop };
}

/** One that has ended reads nothing; whoever starts the next one tells it everything. */
async function sendTo(stdin: FileSink | undefined, text: string): Promise<void> {
  try {
    await stdin?.write(text);
    await stdin?.flush();
  } catch {
    return;
  }
}

/** Tells the starting process that this one serves, with a text for it. */
export function reportReady(readyFd: number | undefined, text = ""): void {
  if (readyFd === undefined) return;
  writeSync(readyFd, `${READY_LINE} ${text}\n`);
  closeSync(readyFd);
}

async function readReport(name: string, descriptor: unknown, exited: Promise<number>): Promise<string> {
  using pipe = openReadyPipe(descriptor);
  try {
    return (await pipe.said).slice(READY_LINE.length).trim();
  } catch (cause) {
    throw new Error(`Cannot start the ${name}: it ended with exit code ${await exited} before it was ready`, { cause });
  }
}
