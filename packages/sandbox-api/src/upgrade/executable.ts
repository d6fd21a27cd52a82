import { existsSync, readlinkSync } from "node:fs";

/** How long a new executable may take to say its version. */
const PROBE_TIMEOUT_MS = 5000;
/** What the kernel appends to the path of an executable that was replaced by another file. */
const DELETED_SUFFIX = / \(deleted\)$/;
const COMPILED_PREFIX = "/$bunfs/";

/**
 * The command line that starts this agent anew: the path it was started from, whatever is there by now. An agent that runs
 * from its sources is the runtime and the main module.
 */
export function ownCommand(argv: readonly string[]): readonly [string, ...string[]] {
  const [, main = "", ...rest] = argv;
  if (!main.startsWith(COMPILED_PREFIX)) return [process.execPath, ...process.execArgv, main, ...rest];
  return [ownPath(), ...rest];
}

function ownPath(): string {
  const path = readlinkSync("/proc/self/exe");
  const withoutSuffix = path.replace(DELETED_SUFFIX, "");
  return existsSync(path) ? path : withoutSuffix;
}

/** Runs `command` as a question for its version and resolves to it. @throws {Error} when it does not run, or is not the agent */
export async function probeVersion(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const child = Bun.spawn([...command, "--version"], {
    cwd: "/",
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    timeout: PROBE_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  const version = /^sandbox-api (\S+)$/m.exec(output)?.[1];
  if (exitCode === 0 && version !== undefined) return version;
  throw new Error(`"${command.join(" ")}" does not say its version (exit ${child.signalCode ?? exitCode})`);
}
