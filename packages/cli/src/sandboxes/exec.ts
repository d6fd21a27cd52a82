import { randomId } from "@dormouse/kernel";
import type { ProcessResponse } from "@dormouse/schema";
import {
  ApiError,
  type Client,
  closeStdin,
  execProcess,
  type ExecRun,
  killProcess,
  openSandbox,
  writeStdin,
} from "@dormouse/sdk";
import type { Context } from "../context.ts";
import type { Io } from "../io.ts";
import { writeFully } from "../output/write-fully.ts";
import { quoteCommand } from "../shell-quote.ts";

export interface ExecOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** False with `--no-stdin`. */
  readonly stdin: boolean;
}

/** What shells answer for a program that SIGKILL ended; the API only says that a signal did. */
const KILLED = 137;
const STOPPED_BY = { SIGINT: 130, SIGTERM: 143 } as const;

/** `exec NAME -- COMMAND…`: runs it, passes input and output on, and ends as it ended. */
export async function exec(
  { client, io }: Context,
  name: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<number> {
  const sandbox = await openSandbox(client, name);
  const id = `exec-${randomId(8)}`;
  const takesInput = options.stdin && io.hasPipedInput;
  const run = await execProcess(sandbox, {
    command: quoteCommand(command),
    name: id,
    ...(options.cwd !== undefined && { workingDir: options.cwd }),
    ...(options.env !== undefined && { env: options.env }),
    ...(takesInput && { stdin: true }),
  });
  if (takesInput) void passInput(io, sandbox, id);
  using stops = new DisposableStack();
  return await Promise.race([passOutput(io, run), untilStopped(io, { sandbox, id, stops })]);
}

async function passOutput(io: Io, run: ExecRun): Promise<number> {
  for (;;) {
    const next = await run.next();
    if (next.done === true) return exitCodeOf(next.value);
    await writeFully(io[next.value.stream], next.value.bytes);
  }
}

const exitCodeOf = ({ exitCode }: ProcessResponse): number => (exitCode < 0 ? KILLED : exitCode);

async function passInput(io: Io, sandbox: Client, id: string): Promise<void> {
  try {
    for await (const chunk of io.stdin) await writeStdin(sandbox, id, new Uint8Array(chunk as Buffer));
    await closeStdin(sandbox, id);
  } catch (error) {
    // The command has ended, or takes no more: what it says itself counts.
    if (!(error instanceof ApiError)) io.stderr.write(`Cannot pass on the input: ${String(error)}\n`);
  }
}

interface Running {
  readonly sandbox: Client;
  readonly id: string;
  readonly stops: DisposableStack;
}

/** Ctrl-C ends the command inside too. */
function untilStopped(io: Io, { sandbox, id, stops }: Running): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const stop = async (): Promise<void> => {
      await killProcess(sandbox, id).catch(() => undefined);
      resolve(STOPPED_BY[signal]);
    };
    stops.use(io.onSignal(signal, () => void stop()));
  }
  return promise;
}
