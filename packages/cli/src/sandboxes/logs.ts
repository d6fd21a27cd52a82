import { AppError } from "@dormouse/kernel";
import {
  ApiError,
  delay,
  getProcessLogs,
  type LogEntry,
  openSandbox,
  readLogs,
  streamProcessLogs,
} from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { logTimes, type TimeOptions } from "./log-times.ts";

export interface LogsOptions extends TimeOptions {
  readonly follow?: boolean;
  readonly timestamps: boolean;
  readonly severity?: string;
  readonly search?: string;
}

const SANDBOX_WORDS: readonly string[] = ["sandbox", "sandboxes", "sbx"];
const POLL_INTERVAL_MS = 2000;
const FOLLOW_FROM_MS = 15 * 60_000;
/** Lines may arrive later than what they say happened. */
const OVERLAP_MS = 30_000;

type LogsArguments = [type: string, name: string, process: string | undefined, options: LogsOptions];

/** `logs sandbox NAME [PROCESS]` */
export async function logs(context: Context, ...[type, name, process, options]: LogsArguments): Promise<void> {
  if (!SANDBOX_WORDS.includes(type)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot show logs of a ${type}: only sandboxes have any`, {
      hint: `Run '${context.io.program} logs sandbox ${name}'`,
    });
  }
  const stop = new AbortController();
  using interrupts = new DisposableStack();
  if (options.follow === true) interrupts.use(context.io.onSignal("SIGINT", () => stop.abort()));
  if (process !== undefined) return await processLogs(context, { name, process, stop: stop.signal }, options);
  if (options.follow === true) return await followLogs(context, { name, stop: stop.signal }, options);
  const entries = await readLogs(context.client, { name, ...logTimes(options, Date.now()), ...filterOf(options) });
  if (entries.length === 0) return context.say.info("No logs found for the specified time range and filters.");
  for (const entry of entries) printEntry(context, entry, options);
}

const filterOf = ({ severity, search }: LogsOptions) => ({ severity: severity?.toUpperCase(), search });

interface Followed {
  readonly name: string;
  readonly stop: AbortSignal;
}

async function processLogs(
  { client, io }: Context,
  { name, process, stop }: Followed & { readonly process: string },
  { follow }: LogsOptions,
): Promise<void> {
  const sandbox = await openSandbox(client, name);
  if (follow !== true) {
    io.stdout.write((await getProcessLogs(sandbox, process)).logs);
    return;
  }
  try {
    for await (const { stream, text } of streamProcessLogs(sandbox, process, stop)) io[stream].write(`${text}\n`);
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}

/** Asks again and again: there is no stream of a whole sandbox. */
async function followLogs(context: Context, { name, stop }: Followed, options: LogsOptions): Promise<void> {
  const shown = new Set<string>();
  let startMs = Date.now() - FOLLOW_FROM_MS;
  while (!stop.aborted) {
    const endMs = Date.now();
    const entries = await readLogs(context.client, { name, startMs, endMs, ...filterOf(options) }).catch(patiently);
    for (const entry of entries) {
      const key = `${entry.timestamp} ${entry.message}`;
      if (shown.has(key)) continue;
      shown.add(key);
      printEntry(context, entry, options);
    }
    startMs = Math.max(startMs, endMs - OVERLAP_MS);
    await delay(POLL_INTERVAL_MS, stop).catch(() => undefined);
  }
}

/** A server that is away for a moment ends nothing. */
function patiently(error: unknown): readonly LogEntry[] {
  if (error instanceof ApiError && error.status < 500) throw error;
  return [];
}

function printEntry(
  { io, options: { utc } }: Context,
  { timestamp, message }: LogEntry,
  { timestamps }: LogsOptions,
): void {
  const text = message.replace(/\n$/, "");
  io.stdout.write(timestamps ? `[${formatMs(timestamp, utc === true)}] ${text}\n` : `${text}\n`);
}

/** `YYYY-MM-DD HH:MM:SS.mmm` */
function formatMs(timestamp: string, utc: boolean): string {
  const time = new Date(timestamp);
  const shiftMs = utc ? 0 : time.getTimezoneOffset() * 60_000;
  return new Date(time.getTime() - shiftMs).toISOString().replace("T", " ").replace("Z", "");
}
