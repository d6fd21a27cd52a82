import { type Client, delay } from "@dormouse/sdk";

const POLL_MS = 1000;
const PAGE_LINES = 1000;
/** A build that writes faster than this many pages a poll loses lines here, and keeps them on the server. */
const MAX_PAGES = 20;
/** Failures in a row after which lines are no longer asked for. */
const MAX_FAILURES = 5;

export interface BuildLogOptions {
  /** Of the image or the sandbox. */
  readonly name: string;
  /** The log of a sandbox has what its programs write as well. */
  readonly resourceType: "images" | "sandboxes";
  readonly startedAtMs: number;
  readonly pollMs?: number;
  readonly onLine: (line: string) => void;
}

interface LogEntry {
  /** RFC 3339 with nanoseconds. */
  readonly timestamp: string;
  readonly message: string;
}

/** Newest first, by the name of the resource. */
type LogAnswer = Readonly<
  Record<string, { readonly logs: readonly LogEntry[]; readonly totalCount: number } | undefined>
>;

/** Lines of a build as they appear, each once and in order. Missing lines fail no build. */
export class BuildLog {
  readonly #client: Client;
  readonly #options: BuildLogOptions;
  readonly #seen = new Set<string>();
  #failures = 0;

  constructor(client: Client, options: BuildLogOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Until `signal` is aborted; then what is left is fetched with `drain`. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#failures < MAX_FAILURES) {
      await this.drain(signal);
      await delay(this.#options.pollMs ?? POLL_MS, signal).catch(() => undefined);
    }
  }

  /** Gives every line that is there and was not given yet. */
  async drain(signal?: AbortSignal): Promise<void> {
    try {
      const lines = await this.#fetchNew(signal);
      this.#failures = 0;
      for (const { message } of lines) this.#options.onLine(message);
    } catch {
      this.#failures += 1;
    }
  }

  /** Oldest first. */
  async #fetchNew(signal: AbortSignal | undefined): Promise<readonly LogEntry[]> {
    const fresh: LogEntry[] = [];
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const logs = await this.#fetchPage(page * PAGE_LINES, signal);
      const unseen = logs.filter((entry) => !this.#seen.has(keyOf(entry)));
      fresh.push(...unseen);
      if (logs.length < PAGE_LINES || unseen.length < logs.length) break;
    }
    for (const entry of fresh) this.#seen.add(keyOf(entry));
    return fresh.toReversed();
  }

  async #fetchPage(offset: number, signal: AbortSignal | undefined): Promise<readonly LogEntry[]> {
    const { name, resourceType, startedAtMs } = this.#options;
    const query = {
      start: withoutZone(startedAtMs),
      end: withoutZone(Date.now() + 60_000),
      resourceType,
      workloadIds: name,
      type: "all",
      limit: PAGE_LINES,
      offset,
      severity: "all,UNKNOWN,TRACE,DEBUG,INFO,WARNING,ERROR,FATAL",
      interval: 60,
      workspace: this.#client.workspace,
    };
    const answer = await this.#client.request<LogAnswer>("GET", "/observability/logs", { query, signal, retries: 0 });
    return answer[name]?.logs ?? [];
  }
}

const keyOf = ({ timestamp, message }: LogEntry): string => `${timestamp}\0${message}`;

/** `2026-11-28T01:02:03`, UTC. */
const withoutZone = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 19);
