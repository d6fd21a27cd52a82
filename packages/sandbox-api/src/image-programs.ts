import { basename, join } from "node:path";
import type { SandboxApiConfig } from "./config.ts";
import type { InheritedChildren } from "./processes/inherited-children.ts";
import { OutputLog, type SavedLog } from "./processes/output-log.ts";
import { spawnGroup, spawnShell, type Stdio } from "./processes/spawn.ts";

interface Program {
  /** Null once it has ended; what it left behind may go on writing. */
  pid: number | null;
  readonly log: OutputLog;
}

/** A program as JSON can hold it. */
export interface SavedProgram {
  readonly pid: number | null;
  readonly log: SavedLog;
}

type Spawn = (stdio: Stdio, onExit: () => void) => number;

const AGENT_NAME = "sandbox-api";
const CAP_CHECK_INTERVAL_MS = 5000;

/**
 * What the image wants to run beside the API. Its output goes to files of the log directory, and so does the reason when it
 * cannot be started: the agent serves either way.
 */
export class ImagePrograms implements Disposable {
  readonly #config: SandboxApiConfig;
  readonly #logDirectory: string;
  readonly #programs: Program[] = [];
  #capTimer: Timer | undefined;

  constructor(config: SandboxApiConfig, logDirectory: string) {
    this.#config = config;
    this.#logDirectory = logDirectory;
  }

  /** Starts the image's entry point where the agent was started, unless it is the agent itself. Its logs are `entrypoint.*.log`. */
  startEntrypoint(argv: readonly string[]): void {
    const [program] = argv;
    if (program === undefined || basename(program) === AGENT_NAME) return;
    const request = { argv, cwd: this.#config.startDirectory, env: this.#config.env };
    this.#start("entrypoint", `the entry point "${program}"`, (stdio, onExit) => spawnGroup(request, stdio, onExit));
  }

  /** Runs `command` in the shell, in `/`. Its logs are `command.*.log`. */
  startCommand(command: string): void {
    const request = { command, directory: "/", env: {} };
    this.#start("command", "the startup command", (stdio, onExit) => spawnShell(this.#config, request, stdio, onExit));
  }

  save(): SavedProgram[] {
    return this.#programs.map(({ pid, log }) => ({ pid, log: log.save() }));
  }

  /** Goes on with the programs of the agent that this one replaces. */
  adopt(saved: readonly SavedProgram[], children: InheritedChildren): void {
    for (const { pid, log } of saved) {
      const program = this.#add(OutputLog.adopt(log, this.#config.maxLogFileBytes));
      program.pid = pid;
      if (pid !== null) children.follow(pid, () => this.#onExit(program));
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#capTimer);
  }

  #start(name: string, shown: string, spawn: Spawn): void {
    const program = this.#add(this.#createLog(name));
    try {
      program.pid = spawn(program.log.descriptors, () => this.#onExit(program));
    } catch (error) {
      program.log.append(
        "stderr",
        `Cannot start ${shown}: ${error instanceof Error ? error.message : String(error)}\n`,
      );
    }
  }

  #createLog(name: string): OutputLog {
    const { maxLogFileBytes } = this.#config;
    try {
      return new OutputLog(join(this.#logDirectory, name), maxLogFileBytes);
    } catch {
      return new OutputLog(null, maxLogFileBytes);
    }
  }

  #add(log: OutputLog): Program {
    const program: Program = { pid: null, log };
    this.#programs.push(program);
    this.#capTimer ??= setInterval(() => this.#look(), CAP_CHECK_INTERVAL_MS);
    return program;
  }

  #onExit(program: Program): void {
    program.pid = null;
    program.log.look();
  }

  #look(): void {
    for (const { log } of this.#programs) log.look();
  }
}
