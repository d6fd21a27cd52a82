import { closeSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { AppError } from "@dormouse/kernel";
import { READY_FD } from "./bundle.ts";
import type { SandboxFiles } from "./layout.ts";

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
  try {
    await readinessOf(runtime.stdio[READY_FD], runtime.exited, request.timeoutMs);
  } catch (cause) {
    if (cause instanceof AppError && cause.code === "SANDBOX_START_TIMEOUT") throw cause;
    throw new AppError("SANDBOX_START_FAILED", `Cannot start sandbox "${request.id}": ${lastLines(files.log)}`, {
      cause,
    });
  }
  return Number(readFileSync(files.pid, "utf8"));
}

async function readinessOf(pipe: unknown, exited: Promise<number>, timeoutMs: number): Promise<void> {
  if (typeof pipe !== "number") throw new TypeError("Cannot watch the sandbox start: the runtime has no ready pipe");
  const socket = connect({ fd: pipe } as never);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new AppError("SANDBOX_START_TIMEOUT", `Cannot reach sandbox-api: it is silent after ${timeoutMs} ms`)),
    timeoutMs,
  );
  socket.once("data", () => resolve());
  socket.once("close", () => reject(new Error("the sandbox ended before it served")));
  void exited.then((exitCode) => exitCode !== 0 && reject(new Error(`the runtime exited with ${exitCode}`)));
  try {
    await promise;
    await exited;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function lastLines(file: string): string {
  return readFileSync(file, "utf8").trim().split("\n").slice(-3).join("; ") || "it ended without a word";
}
