import { closeSync, openSync, readFileSync } from "node:fs";
import { AppError } from "@dormouse/kernel";
import { READY_FD } from "./bundle.ts";
import type { SandboxFiles } from "./layout.ts";
import { openReadyPipe, type ReadyPipe } from "./ready-pipe.ts";

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

/**
 * Starts a sandbox and resolves with the process id of its init once sandbox-api serves: the agent says so on a pipe it
 * inherits, so nothing is polled. @throws SANDBOX_START_FAILED with the end of the boot log, SANDBOX_START_TIMEOUT
 */
export async function startContainer(request: StartRequest): Promise<number> {
  const { files } = request;
  const log = openSync(files.log, "a", 0o600);
  /* Of its own, not /dev/null: the runtime hands the descriptor's inode to the sandbox's root. */
  const stdin = openSync(files.stdin, "w+", 0o600);
  const runtime = Bun.spawn(
    [
      "/bin/sh",
      "-c",
      ENTER_AND_RUN,
      "enter",
      ...request.cgroupFiles,
      "--",
      request.runtimeFile,
      `--root=${request.runtimeDir}`,
      "--cgroup-manager=disabled",
      "run",
      "--detach",
      "--preserve-fds=1",
      `--bundle=${files.runDir}`,
      `--pid-file=${files.pid}`,
      request.id,
    ],
    { stdio: [stdin, log, log, "pipe"], env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } },
  );
  closeSync(log);
  closeSync(stdin);
  using pipe = openReadyPipe(runtime.stdio[READY_FD]);
  try {
    await untilReady(pipe, request.timeoutMs);
    await runtime.exited;
  } catch (cause) {
    if (cause instanceof AppError && cause.code === "SANDBOX_START_TIMEOUT") throw cause;
    throw new AppError("SANDBOX_START_FAILED", `Cannot start sandbox "${request.id}": ${lastLines(files.log)}`, {
      cause,
    });
  }
  return Number(readFileSync(files.pid, "utf8"));
}

/** @throws {AppError} SANDBOX_START_TIMEOUT */
async function untilReady(pipe: ReadyPipe, timeoutMs: number): Promise<void> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new AppError("SANDBOX_START_TIMEOUT", `Cannot reach sandbox-api: it is silent after ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    await Promise.race([pipe.said, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function lastLines(file: string): string {
  return readFileSync(file, "utf8").trim().split("\n").slice(-3).join("; ") || "it ended without a word";
}
