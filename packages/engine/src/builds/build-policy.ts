import { cpus, totalmem } from "node:os";

/** How much builds may take. */
export interface BuildPolicy {
  /** How many run at once; the rest wait in arrival order, those of one cache scope for each other. */
  readonly parallelCount: number;
  readonly timeoutMs: number;
  readonly memoryMiB: number;
  readonly cpuCount: number;
  readonly maxProcessCount: number;
  /** Of each cache scope: for its layers, a build's temporary files and the image it makes. */
  readonly diskMiB: number;
  /** Of a context, as an archive and unpacked. */
  readonly contextMiB: number;
  readonly logMaxBytes: number;
}

const CORES_PER_BUILD = 2;
const MEMORY_SHARE = 1 / 3;
const MIB = 1024 * 1024;

/** What the policy is where nothing else is said (decision 0023). */
export const defaultBuildPolicy = (): BuildPolicy => ({
  parallelCount: Math.max(1, Math.floor(cpus().length / CORES_PER_BUILD)),
  timeoutMs: 15 * 60_000,
  memoryMiB: Math.min(4096, Math.floor((totalmem() / MIB) * MEMORY_SHARE)),
  cpuCount: cpus().length,
  maxProcessCount: 4096,
  diskMiB: 20 * 1024,
  contextMiB: 4096,
  logMaxBytes: 10 * 1024 * 1024,
});
