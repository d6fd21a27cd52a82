import type { SandboxApiConfig } from "../config.ts";
import type { LogFile } from "./log-file.ts";
import { readMemoryLimitBytes } from "./memory-limit.ts";

/** Where the memory is not known. */
const DEFAULT_BUDGET_BYTES = 96 * 1024 * 1024;
/** What every file may keep, however many there are. */
const MIN_FILE_BYTES = 256 * 1024;
/** Files are cut to that part of the budget, so that it is not at once exceeded again. */
const CUT_TO = 0.75;
/** Files are looked through when that part of the budget has been written. */
const CHECK_EACH = 1 / 16;

/** The disk all logs together may take. What is over it is taken from the longest files first, down to a common length. */
export class LogBudget {
  readonly #config: SandboxApiConfig;
  #limitBytes: number | null = null;
  #grownBytes = 0;

  constructor(config: SandboxApiConfig) {
    this.#config = config;
  }

  /** Notes `bytes` of output. True when it is time to `enforce`. */
  note(bytes: number): boolean {
    this.#grownBytes += bytes;
    return this.#grownBytes >= this.#limit() * CHECK_EACH;
  }

  /** Cuts what is too long of `files`. Returns how many bytes they are over the budget all the same. */
  enforce(files: readonly LogFile[]): number {
    this.#grownBytes = 0;
    const limitBytes = this.#limit();
    if (sum(files.map((file) => file.keptBytes)) <= limitBytes) return 0;
    const level = Math.max(MIN_FILE_BYTES, commonLength(files, limitBytes * CUT_TO));
    for (const file of files) if (file.keptBytes > level) void file.dropAllBut(level);
    return sum(files.map((file) => Math.min(file.keptBytes, level))) - limitBytes;
  }

  /** Known when first needed: it is read from files. */
  #limit(): number {
    this.#limitBytes ??= this.#config.maxLogBytesTotal ?? this.#shareOfMemory();
    return this.#limitBytes;
  }

  #shareOfMemory(): number {
    const memoryBytes = readMemoryLimitBytes();
    return memoryBytes === null ? DEFAULT_BUDGET_BYTES : (memoryBytes * this.#config.maxLogPercent) / 100;
  }
}

/** The longest that all of `files` may be when together they may take `totalBytes`. */
function commonLength(files: readonly LogFile[], totalBytes: number): number {
  const lengths = files.map((file) => file.keptBytes).sort((a, b) => a - b);
  let leftBytes = totalBytes;
  for (const [index, lengthBytes] of lengths.entries()) {
    const shareBytes = leftBytes / (lengths.length - index);
    if (lengthBytes > shareBytes) return Math.floor(shareBytes);
    leftBytes -= lengthBytes;
  }
  return totalBytes;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
