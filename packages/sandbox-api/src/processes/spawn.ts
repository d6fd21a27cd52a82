import { AppError } from "@dormouse/kernel";
import { statSync } from "node:fs";
import type { SandboxApiConfig } from "../config.ts";
import { systemErrorText } from "../http.ts";
import { withWorkloadScore } from "./oom-score.ts";
import type { LogDescriptors } from "./output-log.ts";

/** Descriptors a process inherits. */
export interface Stdio extends LogDescriptors {
  /** Without it the input is empty. */
  readonly stdin?: number;
}

export interface SpawnRequest {
  readonly command: string;
  /** Absolute; null means where the agent was started. */
  readonly directory: string | null;
  readonly env: Readonly<Record<string, string>>;
}

export interface Exit {
  /** Null when ended by a signal. */
  readonly code: number | null;
}

/** Where a shell is looked for when the environment has no PATH. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Found once per agent. */
const shellPaths = new WeakMap<SandboxApiConfig, string>();

/**
 * Starts `command` in the configured shell as the leader of a new session, so its whole group can be signalled; returns its pid.
 * Its end is the shell's end, whatever it left running. @throws {AppError} UNPROCESSABLE when it cannot be started.
 */
export function spawnShell(
  config: SandboxApiConfig,
  request: SpawnRequest,
  stdio: Stdio,
  onExit: (exit: Exit) => void,
): number {
  const shell = findShell(config);
  if (request.directory !== null) requireDirectory(request.command, request.directory);
  const argv = [shell, ...config.shellArguments, request.command];
  const cwd = request.directory ?? config.startDirectory;
  try {
    return spawnGroup({ argv, cwd, env: { ...config.env, ...request.env } }, stdio, onExit);
  } catch (cause) {
    shellPaths.delete(config);
    throw startFailure(`could not execute command '${request.command}': ${systemErrorText(cause)}`);
  }
}

export interface GroupRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a program as the leader of a new session. */
export function spawnGroup(request: GroupRequest, stdio: Stdio, onExit: (exit: Exit) => void): number {
  const options = {
    cwd: request.cwd,
    env: request.env,
    detached: true,
    stdin: stdio.stdin ?? "ignore",
    stdout: stdio.stdout,
    stderr: stdio.stderr,
    onExit: (_child: unknown, code: number | null) => onExit({ code }),
  } as const;
  return withWorkloadScore(() => Bun.spawn([...request.argv], options)).pid;
}

/** Signals a group. False when it has no member left. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-groupId, signal);
    return true;
  } catch {
    return false;
  }
}

/** `failed to start process: …`, a 422. */
export function startFailure(reason: string): AppError {
  return new AppError("UNPROCESSABLE", `failed to start process: ${reason}`);
}

function findShell(config: SandboxApiConfig): string {
  const known = shellPaths.get(config);
  if (known !== undefined) return known;
  const found = Bun.which(config.shell, { PATH: config.env["PATH"] ?? DEFAULT_PATH });
  if (found === null) throw startFailure(`no shell (${config.shell}) in this image, commands cannot run without one`);
  shellPaths.set(config, found);
  return found;
}

function requireDirectory(command: string, directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw startFailure(`could not execute command '${command}' because folder '${directory}' does not exist`);
}
