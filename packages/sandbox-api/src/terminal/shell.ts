import { AppError } from "@dormouse/kernel";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { SandboxApiConfig } from "../config.ts";
import { expandPath } from "../files/paths.ts";
import { systemErrorText } from "../http.ts";
import type { TerminalRequest } from "./terminal-request.ts";

/** A shell as it is started, without arguments. */
export interface Shell {
  readonly path: string;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Best first, in `/bin` before anywhere else. */
const SHELL_NAMES = ["zsh", "bash", "sh", "ash"];
const TERMINAL_TYPE = "xterm-256color";

/** @throws {AppError} UNPROCESSABLE without a shell or its folder; INVALID_ARGUMENT for `~` without HOME. */
export function chooseShell(config: SandboxApiConfig, request: TerminalRequest): Shell {
  return {
    path: findShell(config, request.shell),
    directory: findDirectory(config, request.workingDir),
    env: { TERM: TERMINAL_TYPE, ...config.env },
  };
}

function findShell(config: SandboxApiConfig, asked: string | null): string {
  const options = { PATH: `/bin:${config.env["PATH"] ?? "/usr/bin"}`, cwd: config.startDirectory };
  const configured = config.env["SHELL"];
  const names = asked === null ? [...(configured ? [configured] : []), ...SHELL_NAMES] : [asked];
  for (const name of names) {
    const path = Bun.which(name, options);
    if (path !== null) return path;
  }
  if (asked !== null) throw cannotOpen(`there is no shell "${asked}" in this image`);
  throw cannotOpen(`there is no shell in this image, neither ${names.join(" nor ")}`);
}

function findDirectory(config: SandboxApiConfig, workingDir: string | null): string {
  if (workingDir === null) return config.startDirectory;
  const directory = resolve(config.startDirectory, expandPath(workingDir, config.homeDirectory));
  try {
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return directory;
  } catch (cause) {
    throw cannotOpen(`folder "${directory}" cannot be read (${systemErrorText(cause)})`, cause);
  }
  throw cannotOpen(`folder "${directory}" does not exist`);
}

/** `Cannot open a terminal: …`, a 422. */
export function cannotOpen(state: string, cause?: unknown): AppError {
  return new AppError("UNPROCESSABLE", `Cannot open a terminal: ${state}`, { cause });
}
