import type { FileEvent } from "@dormouse/schema";

/** More than 100,000 events. A client that far behind is told so, and its stream ends. */
const MAX_PENDING_CHARACTERS = 16 * 1024 * 1024;
/** What can wait is held back while more than this is pending. */
const ROOMY_CHARACTERS = 1024 * 1024;
const MAX_CHUNK_LINES = 1000;

/** One line of the stream about the file at `path`, which is absolute. */
export function eventLine(op: string, path: string, error: string | null = null): string {
  const slashAt = path.lastIndexOf("/");
  const event: FileEvent = { op, name: path.slice(slashAt + 1), path: path.slice(0, slashAt) || "/", error };
  return `${JSON.stringify(event)}\n`;
}

/** A line that says what went wrong in the directory at `path`. */
export function errorLine(path: string, error: string): string {
  const event: FileEvent = { op: "", name: "", path, error };
  return `${JSON.stringify(event)}\n`;
}

/** Lines on their way to one client, in order. */
export class EventLines {
  #pending: string[] = [];
  #pendingCharacters = 0;
  #hasEnded = false;
  /** Resolved at the next line and at the end. */
  #changed = Promise.withResolvers<void>();
  /** Resolved when lines are taken and at the end. */
  #taken = Promise.withResolvers<void>();

  /** False when the client is so far behind that the line was not taken. */
  push(line: string): boolean {
    if (this.#hasEnded) return true;
    if (this.#pendingCharacters > MAX_PENDING_CHARACTERS) return false;
    this.#append(line);
    return true;
  }

  /** Nothing comes after `lastLine`. */
  end(lastLine = ""): void {
    if (this.#hasEnded) return;
    if (lastLine !== "") this.#append(lastLine);
    this.#hasEnded = true;
    this.#changed.resolve();
    this.#taken.resolve();
  }

  /** Resolves once the client has taken most of what is pending. */
  async whenRoomy(): Promise<void> {
    while (this.#pendingCharacters > ROOMY_CHARACTERS && !this.#hasEnded) await this.#taken.promise;
  }

  /** Lots of lines as the client takes them, until the end. */
  async *take(): AsyncGenerator<string, void, undefined> {
    for (;;) {
      const lines = this.#pending.splice(0, MAX_CHUNK_LINES).join("");
      if (lines !== "") {
        this.#pendingCharacters -= lines.length;
        this.#taken.resolve();
        this.#taken = Promise.withResolvers();
        yield lines;
      } else if (this.#hasEnded) return;
      else await this.#nextChange();
    }
  }

  #append(line: string): void {
    // A client that has yet to hear of a write needs not hear of it twice.
    if (line.startsWith('{"op":"WRITE"') && line === this.#pending.at(-1)) return;
    this.#pending.push(line);
    this.#pendingCharacters += line.length;
    this.#changed.resolve();
  }

  #nextChange(): Promise<void> {
    this.#changed = Promise.withResolvers();
    return this.#changed.promise;
  }
}
