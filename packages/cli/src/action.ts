import type { Command } from "commander";
import type { Context } from "./context.ts";
import type { Io } from "./io.ts";
import type { GlobalOptions } from "./options.ts";
import { Cancelled } from "./prompts.ts";

/** Exit code of the command line, 0 when it says none. */
type Outcome = Promise<number | void>;

/** What commander hands over: arguments, options, and the command itself. */
type Handed<Args extends readonly unknown[]> = [...Args, Command];

/**
 * Runs a command that talks to a server. `load` brings what it takes only when it runs: starting must stay quick.
 * `operation` is what the message of a failure begins with.
 */
export function clientAction<Args extends readonly unknown[]>(
  io: Io,
  operation: string,
  load: () => Promise<(context: Context, ...args: Args) => Outcome>,
): (...handed: Handed<Args>) => Promise<void> {
  return localAction(io, operation, async () => {
    const [run, { openContext }] = await Promise.all([load(), import("./context.ts")]);
    return async (options: GlobalOptions, ...args: Args) => {
      const context = await openContext(io, options);
      return await run(context, ...args).catch(async (error: unknown) => {
        throw (await import("./refusal.ts")).explainRefusal(error, context);
      });
    };
  });
}

/** Runs a command that needs no login; its first argument are the options of every command. */
export function localAction<Args extends readonly unknown[]>(
  io: Io,
  operation: string,
  load: () => Promise<(options: GlobalOptions, ...args: Args) => Outcome>,
): (...handed: Handed<Args>) => Promise<void> {
  return async (...handed) => {
    const command = handed.at(-1) as Command;
    try {
      const run = await load();
      io.exitCode = (await run(command.optsWithGlobals(), ...(handed.slice(0, -1) as unknown as Args))) ?? 0;
    } catch (error) {
      io.exitCode = await explain(io, operation, error);
    }
  };
}

/** Who leaves a question has not failed. */
async function explain(io: Io, operation: string, error: unknown): Promise<number> {
  if (error instanceof Cancelled) return 0;
  (await import("./output/messages.ts")).printFailure(io, operation, error);
  return 1;
}
