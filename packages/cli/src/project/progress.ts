const BAR_COLUMNS = 20;

/** How far an upload is, in words and a bar. */
export class UploadProgress {
  readonly #totalBytes: number;
  readonly #startedAtMs: number;

  constructor(totalBytes: number, nowMs: number) {
    this.#totalBytes = totalBytes;
    this.#startedAtMs = nowMs;
  }

  /** `Uploading [#####     ] (1.2/4.8 MB - 25% - 3.1 MB/s - ETA 2s)` */
  describe(sentBytes: number, nowMs: number): string {
    const part = this.#totalBytes === 0 ? 1 : Math.min(1, sentBytes / this.#totalBytes);
    const bytesPerSecond = (sentBytes / Math.max(1, nowMs - this.#startedAtMs)) * 1000;
    const secondsLeft = bytesPerSecond === 0 ? undefined : (this.#totalBytes - sentBytes) / bytesPerSecond;
    const bar = "#".repeat(Math.round(part * BAR_COLUMNS)).padEnd(BAR_COLUMNS);
    const eta = secondsLeft === undefined ? "?" : `${Math.max(0, Math.ceil(secondsLeft))}s`;
    const amount = `${megaBytes(sentBytes)}/${megaBytes(this.#totalBytes)} MB`;
    return `Uploading [${bar}] (${amount} - ${Math.floor(part * 100)}% - ${megaBytes(bytesPerSecond)} MB/s - ETA ${eta})`;
  }
}

export const megaBytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
