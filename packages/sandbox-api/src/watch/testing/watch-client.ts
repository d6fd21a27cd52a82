import type { FileEvent } from "@dormouse/schema";
import { readdirSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { openSocket, type TestAgent } from "../../testing/agent.ts";

/** A client that has the headers of a watch. */
export interface WatchClient extends Disposable {
  readonly head: string;
  readonly socket: Socket;
  /** All that came after the headers, as far as it is here. */
  readonly lines: readonly string[];
  readonly events: readonly FileEvent[];
  /** `OP path` of each event. */
  readonly shown: readonly string[];
  /** Resolves once `isTrue` holds, looked at whenever something arrives. @throws when the stream ends before. */
  until(isTrue: (client: WatchClient) => boolean): Promise<void>;
  /** Resolves once the agent has ended the stream. */
  readonly ended: Promise<void>;
}

/** Resolves with the headers; `target` is the path behind `/watch/filesystem/`, with the query. */
export async function openWatch(port: number, target: string): Promise<WatchClient> {
  const socket = await openSocket(port);
  const answer = new ChunkedLines();
  const events: FileEvent[] = [];
  const shown: string[] = [];
  const changes = new EventTarget();
  const ended = Promise.withResolvers<void>();
  socket.on("data", (data: Buffer) => {
    for (const line of answer.push(data)) {
      if (line === "[keepalive]") continue;
      const event = JSON.parse(line) as FileEvent;
      events.push(event);
      shown.push(`${event.op} ${event.path === "/" ? "" : event.path}/${event.name}`);
    }
    if (answer.hasEnded) ended.resolve();
    changes.dispatchEvent(new Event("change"));
  });
  socket.on("close", () => ended.resolve());
  const client: WatchClient = {
    socket,
    lines: answer.lines,
    events,
    shown,
    ended: ended.promise,
    get head() {
      return answer.head;
    },
    async until(isTrue) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = () => isTrue(client) && resolve();
      changes.addEventListener("change", look);
      void ended.promise.then(() => reject(new Error(`the stream ended: ${answer.lines.slice(-5).join("\n")}`)));
      look();
      await promise.finally(() => changes.removeEventListener("change", look));
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
  socket.write(`GET /watch/filesystem/${target} HTTP/1.1\r\nHost: agent\r\n\r\n`);
  await client.until(({ head }) => head !== "");
  return client;
}

/** An answer with a chunked body of lines. */
class ChunkedLines {
  readonly lines: string[] = [];
  head = "";
  hasEnded = false;
  /** One character a byte. */
  #raw = "";
  #body = "";

  /** The lines that `data` has completed. */
  push(data: Buffer): string[] {
    this.#raw += data.toString("latin1");
    if (this.head === "") this.#takeHead();
    if (this.head !== "") while (this.#takeChunk());
    const lines = this.#body.split("\n");
    this.#body = lines.pop() ?? "";
    const texts = lines.map((line) => Buffer.from(line, "latin1").toString());
    this.lines.push(...texts);
    return texts;
  }

  #takeHead(): void {
    const endAt = this.#raw.indexOf("\r\n\r\n");
    if (endAt < 0) return;
    this.head = this.#raw.slice(0, endAt);
    this.#raw = this.#raw.slice(endAt + 4);
  }

  /** False when there is no whole chunk any more. */
  #takeChunk(): boolean {
    const lengthEnd = this.#raw.indexOf("\r\n");
    if (lengthEnd < 0) return false;
    const length = Number.parseInt(this.#raw.slice(0, lengthEnd), 16);
    const bodyAt = lengthEnd + 2;
    if (this.#raw.length < bodyAt + length + 2) return false;
    if (length === 0) this.hasEnded = true;
    this.#body += this.#raw.slice(bodyAt, bodyAt + length);
    this.#raw = this.#raw.slice(bodyAt + length + 2);
    return true;
  }
}

/** Watches the agent's folder, or `suffix` of it. */
export const watchFolder = (agent: TestAgent, suffix = ""): Promise<WatchClient> =>
  openWatch(agent.api.port, `${agent.folder}${suffix}`);

/** What this process watches: inotify instances with watches, and the watches of the largest. */
export function inotifyUse(): { instances: number; watches: number } {
  const infos = readdirSync("/proc/self/fdinfo").map((fd) => textOf(`/proc/self/fdinfo/${fd}`));
  const counts = infos.map(countWatches).filter((count) => count > 0);
  // An instance has two descriptors: the runtime makes one for its reader.
  return { instances: Math.ceil(counts.length / 2), watches: Math.max(0, ...counts) };
}

const countWatches = (fdinfo: string): number => fdinfo.split("\ninotify wd:").length - 1;

/** Empty when it is gone. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
