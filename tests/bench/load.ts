import { readFileSync } from "node:fs";
import { runCommand } from "@dormouse/engine";

export interface Load {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly durationS: number;
  /** Core the load generator runs on. */
  readonly core: number;
}

const CONNECTIONS = 32;

/** Requests per second that wrk gets answered on 32 connections from one thread. @throws Error when an answer was not 2xx */
export async function requestsPerSecond({ url, headers = {}, durationS, core }: Load): Promise<number> {
  const headerOptions = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const wrk = ["wrk", "--threads=1", `--connections=${CONNECTIONS}`, `--duration=${durationS}s`, ...headerOptions, url];
  const report = await runCommand(["taskset", "-c", String(core), ...wrk]);
  const rate = Number(/Requests\/sec: +([\d.]+)/.exec(report)?.[1]);
  if (!(rate > 0) || report.includes("Non-2xx") || report.includes("Socket errors")) {
    throw new Error(`Cannot measure ${url}: not every request was answered\n${report}`);
  }
  return rate;
}

/** Keeps a process, with all its threads, on some cores (a list or range as taskset knows it). */
export async function pin(pid: number, cores: string): Promise<void> {
  await runCommand(["taskset", "--all-tasks", "--cpu-list", "--pid", cores, String(pid)]);
}

/** Share of the time that a core is busy while `run` runs, 0 to 1. Source: /proc/stat, in ticks. */
export async function busyWhile(core: number, run: () => Promise<unknown>): Promise<number> {
  const before = coreTicks(core);
  await run();
  const after = coreTicks(core);
  return (after.busy - before.busy) / (after.all - before.all);
}

function coreTicks(core: number): { busy: number; all: number } {
  const line = new RegExp(`^cpu${core} (.*)$`, "m").exec(readFileSync("/proc/stat", "utf8"))?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, ...interrupts] = line.split(" ").slice(0, 8).map(Number);
  const busy = user + nice + system + interrupts.reduce((sum, ticks) => sum + ticks, 0);
  return { busy, all: busy + idle + ioWait };
}
