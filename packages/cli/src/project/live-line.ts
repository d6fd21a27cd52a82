import type { Io } from "../io.ts";
import { truncate } from "../output/table.ts";

const ERASE_LINE = "\r\u001B[2K";
const REDRAW_MS = 100;

/** A line at the bottom of a terminal that changes, while others go by above it. Nothing at all where stdout is no terminal. */
export class LiveLine implements Disposable {
  readonly #io: Io;
  #text = "";
  #drawnAtMs = 0;

  constructor(io: Io) {
    this.#io = io;
  }

  /** Shows a text, but not more often than an eye can follow unless `isImportant`. */
  show(text: string, isImportant = false): void {
    this.#text = text;
    if (isImportant || performance.now() - this.#drawnAtMs >= REDRAW_MS) this.#draw();
  }

  /** A line that stays, above the live one. */
  print(line: string): void {
    this.#erase();
    this.#io.stdout.write(`${line}\n`);
    if (this.#text !== "") this.#draw();
  }

  clear(): void {
    this.#erase();
    this.#text = "";
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #draw(): void {
    if (!this.#io.isTty.stdout) return;
    const columns = this.#io.terminalSize()?.columns ?? 80;
    this.#io.stdout.write(ERASE_LINE + truncate(this.#text, columns - 1));
    this.#drawnAtMs = performance.now();
  }

  #erase(): void {
    if (this.#io.isTty.stdout && this.#text !== "") this.#io.stdout.write(ERASE_LINE);
  }
}
