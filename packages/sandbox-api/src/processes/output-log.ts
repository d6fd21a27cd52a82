import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { ArrivalOrder, type StreamName } from "./arrival-order.ts";
import { watchFiles } from "./file-watch.ts";
import { punchHole } from "./punch-hole.ts";

export type { StreamName } from "./arrival-order.ts";

/** Descriptors of the two files, to be inherited by a process. */
export interface LogDescriptors {
  readonly stdout: number;
  readonly stderr: number;
}

/** How far one file has come. Offsets count every byte ever written, so they never go back. */
interface FileState {
  readonly path: string;
  /** Bytes that were in the file before it was cut to nothing. */
  baseBytes: number;
  /** Size on disk when last looked at. */
  sizeBytes: number;
  /** Offset of the first byte still there. */
  keptFrom: number;
}

const STREAMS = ["stdout", "stderr"] as const;
const APPEND = constants.O_CREAT | constants.O_TRUNC | constants.O_RDWR | constants.O_APPEND;
const HOLE_ALIGNMENT_BYTES = 4096;

/**
 * Output of one process, across its restarts, in two regular files the process writes itself. The agent only looks at how far
 * they have come: a process never waits for a reader, and its output costs no memory here.
 */
export class OutputLog implements Disposable {
  readonly order = new ArrivalOrder();
  readonly #files: Record<StreamName, FileState>;
  readonly #maxFileBytes: number;
  #descriptors: LogDescriptors | null;
  #watch: Disposable | null = null;
  #changed = Promise.withResolvers<void>();
  #hasEnded = false;

  /** Creates `<pathPrefix>.stdout.log` and `.stderr.log`, empty. `maxFileBytes` 0 means no cap. */
  constructor(pathPrefix: string, maxFileBytes: number) {
    const file = (stream: StreamName): FileState => {
      return { path: `${pathPrefix}.${stream}.log`, baseBytes: 0, sizeBytes: 0, keptFrom: 0 };
    };
    this.#files = { stdout: file("stdout"), stderr: file("stderr") };
    this.#maxFileBytes = maxFileBytes;
    const stdout = openSync(this.#files.stdout.path, APPEND, 0o600);
    this.#descriptors = { stdout, stderr: openSync(this.#files.stderr.path, APPEND, 0o600) };
  }

  /** @throws {TypeError} once disposed. */
  get descriptors(): LogDescriptors {
    if (this.#descriptors === null) throw new TypeError("the log is closed");
    return this.#descriptors;
  }

  /** True once the process has ended: nothing that comes later is part of its stream. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Bytes ever written to `stream`, as last looked at. */
  endOffset(stream: StreamName): number {
    return this.#files[stream].baseBytes + this.#files[stream].sizeBytes;
  }

  /** Offset of the first byte of `stream` that is still kept. */
  keptFrom(stream: StreamName): number {
    return this.#files[stream].keptFrom;
  }

  /** From now on notices writes by itself, within milliseconds. Idempotent. */
  startWatching(): void {
    if (this.#hasEnded) return;
    this.#watch ??= watchFiles([this.#files.stdout.path, this.#files.stderr.path], () => this.look());
  }

  /** Resolves at the next write that is noticed, or when the log ends. */
  nextChange(): Promise<void> {
    return this.#changed.promise;
  }

  /** Looks how far the files have come, notes it in `order`, wakes readers and enforces the cap. */
  look(): void {
    let hasGrown = false;
    for (const stream of STREAMS) {
      if (!this.#lookAt(this.#files[stream], this.#statSizeBytes(stream))) continue;
      this.order.extend(stream, this.endOffset(stream));
      this.#enforceCap(stream);
      hasGrown = true;
    }
    if (hasGrown) this.#wake();
  }

  /** Adds a line of the agent's own. */
  append(stream: StreamName, text: string): void {
    writeSync(this.descriptors[stream], text);
    this.look();
  }

  /** Up to `maxBytes` from `fromOffset`, which must not lie before `keptFrom`; empty when there is nothing. */
  read(stream: StreamName, fromOffset: number, maxBytes: number): Uint8Array {
    const file = this.#files[stream];
    const buffer = Buffer.allocUnsafe(maxBytes);
    if (this.#descriptors !== null) {
      const readBytes = readSync(this.#descriptors[stream], buffer, 0, maxBytes, fromOffset - file.baseBytes);
      return buffer.subarray(0, readBytes);
    }
    const fd = openSync(file.path, "r");
    try {
      return buffer.subarray(0, readSync(fd, buffer, 0, maxBytes, fromOffset - file.baseBytes));
    } finally {
      closeSync(fd);
    }
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
    if (this.#descriptors === null) return;
    if (!this.#hasEnded) this.end();
    const descriptors = this.#descriptors;
    this.#descriptors = null;
    for (const stream of STREAMS) {
      closeSync(descriptors[stream]);
      if (this.endOffset(stream) === 0) unlinkSync(this.#files[stream].path);
    }
  }

  #statSizeBytes(stream: StreamName): number {
    if (this.#descriptors !== null) return fstatSync(this.#descriptors[stream]).size;
    return this.endOffset(stream) === 0
      ? 0
      : (statSync(this.#files[stream].path, { throwIfNoEntry: false })?.size ?? 0);
  }

  /** True when bytes arrived. A file that shrank was cut to nothing, by the cap or by the process itself. */
  #lookAt(file: FileState, sizeBytes: number): boolean {
    if (sizeBytes === file.sizeBytes) return false;
    if (sizeBytes < file.sizeBytes) {
      file.baseBytes += file.sizeBytes;
      file.keptFrom = file.baseBytes;
    }
    file.sizeBytes = sizeBytes;
    return true;
  }

  /** Drops the older half, so that the cap costs one call per half a cap of output. */
  #enforceCap(stream: StreamName): void {
    const file = this.#files[stream];
    const descriptors = this.#descriptors;
    const excessBytes = this.endOffset(stream) - file.keptFrom - this.#maxFileBytes;
    if (this.#maxFileBytes === 0 || excessBytes <= 0 || descriptors === null) return;
    const dropBytes = file.sizeBytes - Math.floor(this.#maxFileBytes / 2);
    const holeBytes = dropBytes - (dropBytes % HOLE_ALIGNMENT_BYTES);
    file.keptFrom = file.baseBytes + holeBytes;
    void this.#dropHead(descriptors[stream], holeBytes);
  }

  async #dropHead(fd: number, lengthBytes: number): Promise<void> {
    const isPunched = await punchHole(fd, lengthBytes);
    if (!isPunched && this.#descriptors !== null) ftruncateSync(fd, 0);
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
  }
}
