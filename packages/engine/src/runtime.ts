import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { AppError } from "@dormouse/kernel";
import { READY_FD } from "./bundle.ts";
import type { SandboxFiles } from "./layout.ts";
import { openReadyPipe } from "./ready-pipe.ts";

export interface StartRequest {
  readonly id: string;
  readonly files: SandboxFiles;
  /** The OCI runtime. */
  readonly runtimeFile: string;
  /** State folder of the runtime. */
  readonly runtimeDir: string;
  /** Control group files to enter before the runtime starts, so that everything it starts is in them. */
  readonly cgroupFiles: readonly string[];
  readonly timeoutMs: number;
}

/** Enters the control groups, then becomes the runtime: one process, no window without limits. */
const ENTER_AND_RUN = 'while [ "$1" != -- ]; do echo 0 > "$1"; shift; done; shift; exec "$@"';

export const RUNTIME_ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

type RuntimePlace = Pick<StartRequest, "cgroupFiles" | "runtimeFile" | "runtimeDir">;

/** The command that enters the control groups and has the OCI runtime run a container. */
export const runtimeCommand = (
  { cgroupFiles, runtimeFile, runtimeDir }: RuntimePlace,
  runArguments: readonly string[],
): string[] => [
  "/bin/sh",
  "-c",
  ENTER_AND_RUN,
  "enter",
  ...cgroupFiles,
  "--",
  runtimeFile,
  `--root=${runtimeDir}`,
  "--cgroup-manager=disabled",
  "run",
  ...runArguments,
];

/**
 * Starts a sandbox and resolves with the process id of its init once sandbox-api serves: the agent says so on a pipe it
 * inherits, so nothing is polled. @throws SANDBOX_START_FAILED with the end of the boot log, SANDBOX_START_TIMEOUT
 */
export async function startContainer(request: StartRequest): Promise<number> {
  using container = await holdContainer(request);
  return container.initPid;
}

/** A container whose agent has said its first word. Disposed, it hears of the agent no more, and one that waits ends. */
export interface HeldContainer extends Disposable {
  readonly initPid: number;
  /**
   * Gives an agent that waits its environment, as `NAME=value`, and resolves once it serves.
   * @throws SANDBOX_START_FAILED with the end of the boot log, SANDBOX_START_TIMEOUT
   */
  release(environment: readonly string[]): Promise<void>;
}

/** Starts a sandbox and resolves at its agent's first word. @throws SANDBOX_START_FAILED, SANDBOX_START_TIMEOUT */
export async function holdContainer(request: StartRequest): Promise<HeldContainer> {
  const runtime = spawnRuntime(request);
  const pipe = openReadyPipe(runtime.stdio[READY_FD]);
  try {
    await untilReady(request, async () => {
      await pipe.said;
      await runtime.exited;
    });
  } catch (error) {
    pipe[Symbol.dispose]();
    throw error;
  }
  return {
    initPid: Number(readFileSync(request.files.pid, "utf8")),
    release: (environment) => untilReady(request, () => pipe.ask(`${JSON.stringify(environment)}\n`)),
    [Symbol.dispose]: () => pipe[Symbol.dispose](),
  };
}

function spawnRuntime(request: StartRequest) {
  const { files } = request;
  const log = openSync(files.log, "a", 0o600);
  /* Of its own, not /dev/null: the runtime hands the descriptor's inode to the sandbox's root. */
  const stdin = openSync(files.stdin, "w+", 0o600);
  const options = ["--detach", "--preserve-fds=1", `--bundle=${files.runDir}`, `--pid-file=${files.pid}`];
  const runtime = Bun.spawn(runtimeCommand(request, [...options, request.id]), {
    stdio: [stdin, log, log, "pipe"],
    env: RUNTIME_ENVIRONMENT,
  });
  closeSync(log);
  closeSync(stdin);
  return runtime;
}

/** @throws {AppError} SANDBOX_START_FAILED, SANDBOX_START_TIMEOUT */
async function untilReady({ id, files, timeoutMs }: StartRequest, become: () => Promise<unknown>): Promise<void> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new AppError("SANDBOX_START_TIMEOUT", `Cannot reach sandbox-api: it is silent after ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    await Promise.race([become(), timeout]);
  } catch (cause) {
    if (cause instanceof AppError && cause.code === "SANDBOX_START_TIMEOUT") throw cause;
    throw new AppError("SANDBOX_START_FAILED", `Cannot start sandbox "${id}": ${lastLines(files.log)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

const LOG_TAIL_BYTES = 2048;

/** Root inside owns the log and can make it as large as it likes. */
function lastLines(file: string): string {
  const tail = Buffer.alloc(LOG_TAIL_BYTES);
  const log = openSync(file, "r");
  try {
    const length = readSync(log, tail, 0, LOG_TAIL_BYTES, Math.max(0, fstatSync(log).size - LOG_TAIL_BYTES));
    const text = tail.toString("utf8", 0, length).replaceAll("\0", "").trim();
    return text.split("\n").slice(-3).join("; ") || "it ended without a word";
  } finally {
    closeSync(log);
  }
}
