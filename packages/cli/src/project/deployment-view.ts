import type { Context } from "../context.ts";
import { readKeys } from "../keys.ts";
import { paintFor } from "../output/styles.ts";
import type { LiveLine } from "./live-line.ts";
import { printLog } from "./print-log.ts";

const CTRL_C = "\u0003";
const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;
const SPIN_MS = 120;

const PHASES: Readonly<Record<string, string>> = {
  UPLOADING: "Uploading",
  BUILDING: "Building",
  BUILT: "Building",
  DEPLOYING: "Deploying",
  DEPLOYED: "Complete",
  FAILED: "Failed",
};

export interface ViewOptions {
  readonly name: string;
  readonly live: LiveLine;
  /** True where somebody sits who may press a key. */
  readonly isInteractive: boolean;
}

/** What one sees of a deployment: its phase in a line that lives, the build's log above it. */
export class DeploymentView implements Disposable {
  readonly #context: Context;
  readonly #options: ViewOptions;
  readonly #startedAtMs = performance.now();
  readonly #left = new AbortController();
  readonly #cancelled = new AbortController();
  readonly #keys: Disposable | undefined;
  #spinning: NodeJS.Timeout | undefined;
  #phase = "Starting";
  #isUploading = true;
  #isLeaving = false;
  #showsLog = true;

  constructor(context: Context, options: ViewOptions) {
    this.#context = context;
    this.#options = options;
    this.#keys = options.isInteractive ? readKeys(context.io, (keys) => this.#onKeys(keys)) : undefined;
  }

  /** Aborted when somebody no longer wants to look on. */
  get left(): AbortSignal {
    return this.#left.signal;
  }

  /** Aborted by Ctrl-C, which is a key like others while keys are read. */
  get cancelled(): AbortSignal {
    return this.#cancelled.signal;
  }

  /** From here on the server works, and may be left alone. */
  startWatching(): void {
    this.#isUploading = false;
    if (this.#options.isInteractive) this.#spinning = setInterval(() => this.#draw(), SPIN_MS);
  }

  onStatus(status: string): void {
    const phase = PHASES[status] ?? status;
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#print(`${this.#paint(status === "FAILED" ? "red" : "blue", "●")} ${phase}`);
    this.#draw();
  }

  onLine(line: string): void {
    if (this.#showsLog) printLog(this.#context, this.#options.live, line);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#spinning);
    this.#options.live.clear();
    this.#keys?.[Symbol.dispose]();
  }

  #onKeys(keys: string): void {
    for (const key of keys) {
      if (key === CTRL_C) this.#cancelled.abort();
      if (key === "q") this.#leave();
      if (key === "l") this.#showsLog = !this.#showsLog;
    }
  }

  #leave(): void {
    if (!this.#isUploading || this.#isLeaving) return this.#left.abort();
    this.#isLeaving = true;
    this.#print("The upload is not finished: press q again to give it up");
  }

  #print(line: string): void {
    printLog(this.#context, this.#options.live, line);
  }

  #draw(): void {
    if (!this.#options.isInteractive) return;
    const elapsedMs = performance.now() - this.#startedAtMs;
    const frame = SPINNER[Math.floor(elapsedMs / SPIN_MS) % SPINNER.length];
    const log = this.#showsLog ? "l hides the log" : "l shows the log";
    const keys = this.#isUploading ? "" : `  (q leaves it to itself, ${log})`;
    const seconds = Math.floor(elapsedMs / 1000);
    this.#options.live.show(`${frame} ${this.#phase} ${this.#options.name} ${seconds} s${keys}`, true);
  }

  #paint(colour: "red" | "blue", text: string): string {
    return paintFor(this.#context.io, "stdout")(colour, text);
  }
}
