import { PassThrough } from "node:stream";
import { Command } from "commander";
import { addClientCommands, type Io } from "../src/main.ts";

export interface CliOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What is typed, at once. */
  readonly input?: string;
}

/** Runs one command of the command line in this process, its outputs piped. */
export async function runCli(args: readonly string[], { cwd, env = {}, input = "" }: CliOptions): Promise<CliOutcome> {
  const written = { stdout: "", stderr: "" };
  const output = (channel: "stdout" | "stderr") => ({
    write(text: string | Uint8Array): void {
      written[channel] += typeof text === "string" ? text : new TextDecoder().decode(text);
    },
  });
  const stdin = new PassThrough();
  stdin.end(input);
  const io: Io = {
    program: "bl",
    version: "0.0.0",
    env,
    cwd,
    home: cwd,
    stdin,
    stdout: output("stdout"),
    stderr: output("stderr"),
    isTty: { stdin: false, stdout: false, stderr: false },
    terminalSize: () => undefined,
    onSignal: () => ({ [Symbol.dispose]: () => undefined }),
    fetch: (url, init) => fetch(url, init),
    hasPipedInput: true,
    exitCode: undefined,
  };
  const program = new Command("bl").exitOverride();
  addClientCommands(program, io);
  await program.parseAsync(["node", "bl", ...args]);
  return { exitCode: io.exitCode ?? 0, ...written };
}
