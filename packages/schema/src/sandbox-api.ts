import { z } from "zod";
import type { UpgradeStatus } from "./upgrade.ts";

/** Body of `POST /process`. Clients may send more fields; they are ignored. */
export const ProcessRequest = z.object({
  /** Passed to the shell as one argument. */
  command: z.string().min(1),
  name: z.string().optional(),
  workingDir: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  waitForCompletion: z.boolean().optional(),
  /** Seconds. Without `keepAlive` it bounds the wait only; with it the process is killed when it elapses, 0 meaning never. */
  timeout: z.int().optional(),
  waitForPorts: z.array(z.int().min(1).max(65_535)).optional(),
  restartOnFailure: z.boolean().optional(),
  /** Negative means unlimited. */
  maxRestarts: z.int().optional(),
  keepAlive: z.boolean().optional(),
  /** True opens a pipe for `POST /process/{id}/stdin`; else the input is empty. */
  stdin: z.boolean().optional(),
});
export type ProcessRequest = z.infer<typeof ProcessRequest>;

/** JSON body of `PUT /filesystem/{path}`. */
export const WriteFileRequest = z.object({
  content: z.string().optional(),
  /** How `content` is written; base64 is for bytes that are no text. */
  encoding: z.enum(["utf-8", "base64"]).optional(),
  isDirectory: z.boolean().optional(),
  /** Octal, as in `0644`. */
  permissions: z.string().optional(),
});
export type WriteFileRequest = z.infer<typeof WriteFileRequest>;

/** Body of `PUT /filesystem/tree/{path}`: contents by path relative to the tree's root. */
export const WriteTreeRequest = z.object({ files: z.record(z.string(), z.string()).optional() });
export type WriteTreeRequest = z.infer<typeof WriteTreeRequest>;

export type ProcessStatus = "running" | "completed" | "failed" | "killed" | "stopped";

/** A process as the agent reports it. Dates are HTTP dates. */
export interface ProcessResponse {
  /** Decimal OS pid of the first start; it stays the same across restarts. */
  readonly pid: string;
  readonly name: string;
  readonly command: string;
  readonly workingDir: string;
  readonly status: ProcessStatus;
  readonly startedAt: string;
  readonly completedAt: string | null;
  /** 0 while running, -1 when ended by a signal. */
  readonly exitCode: number;
  readonly logs: string | null;
  readonly stdout: string | null;
  readonly stderr: string | null;
  readonly restartOnFailure: boolean;
  readonly maxRestarts: number;
  readonly restartCount: number;
  readonly keepAlive: boolean;
  /** True when it was started with a writable stdin. */
  readonly stdin: boolean;
}

/** Answer of `GET /process/{id}/logs`. */
export interface ProcessLogs {
  readonly stdout: string;
  readonly stderr: string;
  readonly logs: string;
}

/** One line of a streaming exec; the `result` carries a `ProcessResponse` as a JSON string and comes last. */
export type ExecStreamEvent =
  | { readonly type: "stdout" | "stderr" | "error" | "result"; readonly data: string }
  | { readonly type: "keepalive" };

/** A file of a directory listing. `lastModified` is RFC 3339 with nanoseconds, `size` is in bytes. */
export interface FileEntry {
  readonly path: string;
  readonly name: string;
  /** Octal mode, with the type bits of the reference implementation for anything but plain files. */
  readonly permissions: string;
  readonly size: number;
  readonly lastModified: string;
  readonly owner: string;
  readonly group: string;
}

export interface FileWithContent extends FileEntry {
  readonly content: string;
  /** Absent for text. */
  readonly encoding?: "base64";
}

export interface Directory {
  readonly path: string;
  readonly name: string;
  readonly files: readonly FileEntry[];
  readonly subdirectories: readonly { readonly path: string; readonly name: string }[];
}

/** Answer of a change to the filesystem. */
export interface FileChange {
  readonly path: string;
  readonly message: string;
}

/** Answer of `GET /health`. */
export interface AgentHealth {
  readonly status: "ok";
  readonly version: string;
  readonly gitCommit: string;
  readonly buildTime: string;
  /** Runtime and its version; the name of the field is the reference implementation's. */
  readonly goVersion: string;
  readonly os: string;
  readonly arch: string;
  /** As in `1h30m0s`. */
  readonly uptime: string;
  readonly uptimeSeconds: number;
  readonly upgradeCount: number;
  readonly startedAt: string;
  readonly lastUpgrade: UpgradeStatus;
}

/** Answer of `GET /_dormouse/idle`, which is held open while a keepAlive process runs unless `wait=false` asks how many do. */
export const AgentIdle = z.object({ keepAliveCount: z.int().min(0) });
export type AgentIdle = z.infer<typeof AgentIdle>;
