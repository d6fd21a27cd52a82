import type { TerminalClientFrame, TerminalServerFrame } from "@dormouse/schema";
import { readdirSync, readFileSync } from "node:fs";
import { until } from "../../testing/agent.ts";

/** A client of `GET /terminal/ws` that remembers all it was sent. */
export interface TerminalClient extends Disposable {
  readonly frames: readonly TerminalServerFrame[];
  /** Resolves to the close code. */
  readonly closed: Promise<number>;
  /** All output so far. */
  output(): string;
  type(input: string): void;
  send(frame: TerminalClientFrame): void;
  /** Resolves to the match once the output holds it. */
  sees(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
}

/** Connects; `url` is the agent's, `query` the whole query. */
export async function openTerminal(url: string, query: Readonly<Record<string, string>> = {}): Promise<TerminalClient> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/terminal/ws?${new URLSearchParams(query).toString()}`);
  const frames: TerminalServerFrame[] = [];
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<number>();
  let output = "";
  socket.addEventListener("open", () => opened.resolve());
  socket.addEventListener("close", ({ code }) => closed.resolve(code));
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data)) as TerminalServerFrame;
    frames.push(frame);
    if (frame.type === "output") output += frame.data;
  });
  await opened.promise;
  const send = (frame: TerminalClientFrame) => socket.send(JSON.stringify(frame));
  return {
    frames,
    closed: closed.promise,
    output: () => output,
    send,
    type: (input) => send({ type: "input", data: input }),
    async sees(pattern, timeoutMs) {
      await until(() => pattern.test(output), timeoutMs).catch((cause: unknown) => {
        throw new Error(`${String(pattern)} is not in ${JSON.stringify(output.slice(-2000))}`, { cause });
      });
      return pattern.exec(output) as RegExpExecArray;
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

/** True while a process that is no zombie has this pid. */
export const isAlive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ");
  } catch {
    return false;
  }
};

/** Pids whose command line, its arguments joined by spaces, is exactly this. */
export const pidsOf = (commandLine: string): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && commandLineOf(pid) === commandLine);

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trimEnd();
  } catch {
    return "";
  }
}
