import { ArrivalOrder, type SavedOrder, type StreamName } from "./arrival-order.ts";
import { watchFiles } from "./file-watch.ts";
import { LogFile, type SavedLogFile } from "./log-file.ts";

export type { StreamName } from "./arrival-order.ts";

/** Descriptors of the two files, to be inherited by a process. */
export interface LogDescriptors {
  readonly stdout: number;
  readonly stderr: number;
}

/** An `OutputLog` as JSON can hold it. */
export interface SavedLog {
  readonly stdout: SavedLogFile;
  readonly stderr: SavedLogFile;
  readonly order: SavedOrder;
  readonly hasEnded: boolean;
}

type LogFiles = Readonly<Record<StreamName, LogFile>>;

const STREAMS = ["stdout", "stderr"] as const;

/**
 * Output of one process, across its restarts, in two regular files the process writes itself. The agent only looks at how far
 * they have come: a process never waits for a reader, and its output costs no memory here.
 */
export class OutputLog implements Disposable {
  readonly order: ArrivalOrder;
  /** Told how many bytes have been noticed. */
  onGrowth: (bytes: number) => void = () => {};
  readonly #files: LogFiles;
  readonly #maxFileBytes: number;
  #isOpen: boolean;
  #hasEnded: boolean;
  #watch: Disposable | null = null;
  #changed = Promise.withResolvers<void>();

  /**
   * Creates `<pathPrefix>.stdout.log` and `.stderr.log`, empty; with null, output goes nowhere. `maxFileBytes` 0 means no cap.
   * @throws an errno error when they cannot be created.
   */
  constructor(pathPrefix: string | null, maxFileBytes: number, saved?: SavedLog) {
    this.#files = saved === undefined ? createFiles(pathPrefix) : adoptFiles(saved);
    this.#maxFileBytes = maxFileBytes;
    this.order = new ArrivalOrder(saved?.order);
    this.#hasEnded = saved?.hasEnded ?? false;
    this.#isOpen = saved?.stdout.isOpen ?? true;
  }

  /** The log of an agent this one has replaced. */
  static adopt(saved: SavedLog, maxFileBytes: number): OutputLog {
    return new OutputLog(null, maxFileBytes, saved);
  }

  save(): SavedLog {
    this.look();
    const { stdout, stderr } = this.#files;
    return { stdout: stdout.save(), stderr: stderr.save(), order: this.order.save(), hasEnded: this.#hasEnded };
  }

  /** @throws {TypeError} once disposed. */
  get descriptors(): LogDescriptors {
    return { stdout: this.#files.stdout.descriptor, stderr: this.#files.stderr.descriptor };
  }

  get files(): readonly LogFile[] {
    return STREAMS.map((stream) => this.#files[stream]);
  }

  /** True while something may still write. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True once the process has ended: nothing that comes later is part of its stream. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Bytes ever written to `stream`, as last looked at. */
  endOffset(stream: StreamName): number {
    return this.#files[stream].endOffset;
  }

  /** Offset of the first byte of `stream` that is still kept. */
  keptFrom(stream: StreamName): number {
    return this.#files[stream].keptFrom;
  }

  /** From now on notices writes by itself, within milliseconds. Idempotent. */
  startWatching(): void {
    if (this.#hasEnded || this.#watch !== null) return;
    const paths = this.files.flatMap((file) => file.path ?? []);
    this.#watch = watchFiles(paths, () => this.look());
    this.look();
  }

  /** Resolves at the next write that is noticed, or when the log ends. */
  nextChange(): Promise<void> {
    return this.#changed.promise;
  }

  /** Looks how far the files have come, notes it in `order`, wakes readers and enforces the cap. */
  look(): void {
    let grownBytes = 0;
    for (const stream of STREAMS) {
      const file = this.#files[stream];
      const newBytes = file.look();
      if (newBytes === 0) continue;
      grownBytes += newBytes;
      this.order.extend(stream, file.endOffset);
      // The older half at once, so that the cap costs one call per half a cap of output.
      if (this.#maxFileBytes > 0 && file.keptBytes > this.#maxFileBytes) void file.dropAllBut(this.#maxFileBytes / 2);
    }
    if (grownBytes === 0) return;
    this.onGrowth(grownBytes);
    this.#wake();
  }

  /** Adds a line of the agent's own. */
  append(stream: StreamName, text: string): void {
    this.#files[stream].append(text);
    this.look();
  }

  /** Up to `maxBytes` from `fromOffset`, which must not lie before `keptFrom`; empty when there is nothing. */
  read(stream: StreamName, fromOffset: number, maxBytes: number): Uint8Array {
    return this.#files[stream].read(fromOffset, maxBytes);
  }

  /** The process has ended: readers finish with what is there now. The files stay open for what it left behind. */
  end(): void {
    this.#hasEnded = true;
    this.#watch?.[Symbol.dispose]();
    this.#watch = null;
    this.look();
    this.#wake();
  }

  /** Nobody writes any more. What was written stays readable; files that hold nothing are removed. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (!this.#hasEnded) this.end();
    for (const file of this.files) file[Symbol.dispose]();
  }

  /** Removes what was written. Whoever still reads finds nothing more. */
  remove(): void {
    this[Symbol.dispose]();
    for (const file of this.files) file.remove();
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
  }
}

function createFiles(pathPrefix: string | null): LogFiles {
  const pathOf = (stream: StreamName) => (pathPrefix === null ? null : `${pathPrefix}.${stream}.log`);
  const stdout = LogFile.create(pathOf("stdout"));
  try {
    return { stdout, stderr: LogFile.create(pathOf("stderr")) };
  } catch (error) {
    stdout[Symbol.dispose]();
    throw error;
  }
}

const adoptFiles = (saved: SavedLog): LogFiles => ({
  stdout: LogFile.adopt(saved.stdout),
  stderr: LogFile.adopt(saved.stderr),
});
