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
  using interruption = onInterruption(io, sandbox, id);
  const output = passOutput(io, run).catch(async (error: unknown) => {
    // Nobody would see what it goes on to say.
    await killProcess(sandbox, id).catch(() => undefined);
    throw error;
  });
  const exitCode = await Promise.race([output, interruption.done]);
  return interruption.exitCode() ?? exitCode;
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

interface Interruption extends Disposable {
  /** What the command line ends with then; undefined while there was none. */
  readonly exitCode: () => number | undefined;
  /** Resolves when the command is gone. */
  readonly done: Promise<number>;
}

/** Ctrl-C ends the command inside too. */
function onInterruption(io: Io, sandbox: Client, id: string): Interruption {
  const { promise: done, resolve } = Promise.withResolvers<number>();
  let exitCode: number | undefined;
  const listeners = new DisposableStack();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const stop = async (): Promise<void> => {
      exitCode ??= STOPPED_BY[signal];
      await killProcess(sandbox, id).catch(() => undefined);
      resolve(exitCode);
    };
    listeners.use(io.onSignal(signal, () => void stop()));
  }
  return { exitCode: () => exitCode, done, [Symbol.dispose]: () => listeners.dispose() };
}
