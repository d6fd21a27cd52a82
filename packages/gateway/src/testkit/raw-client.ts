import net from "node:net";

export interface RawAnswer {
  readonly status: number;
  /** Head without the final empty line. */
  readonly head: string;
  readonly body: string;
}

/** A client that sends exactly the bytes it is told to. */
export class RawClient implements Disposable {
  readonly #socket: net.Socket;
  readonly #changes: (() => void)[] = [];
  received = "";
  isClosed = false;
  error: Error | undefined;

  constructor(port: number) {
    this.#socket = net.connect(port, "127.0.0.1");
    this.#socket.on("data", (bytes) => {
      this.received += bytes.toString("latin1");
      this.#changed();
    });
    this.#socket.on("error", (error) => (this.error = error));
    this.#socket.on("close", () => {
      this.isClosed = true;
      this.#changed();
    });
  }

  send(text: string | Uint8Array): this {
    this.#socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
    return this;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Sends FIN, as a client that is done talking. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Resolves once `isTrue` holds; rejects when the connection closes first. */
  async until(isTrue: (received: string) => boolean): Promise<string> {
    while (!isTrue(this.received)) {
      if (this.isClosed) throw new Error(`Connection closed after ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => this.#changes.push(resolve));
    }
    return this.received;
  }

  async untilClosed(): Promise<string> {
    while (!this.isClosed) await new Promise<void>((resolve) => this.#changes.push(resolve));
    return this.received;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #changed(): void {
    for (const resolve of this.#changes.splice(0)) resolve();
  }
}

/** One request as raw text on a connection that is closed after the answer. */
export async function exchange(port: number, request: string): Promise<RawAnswer> {
  using client = new RawClient(port);
  client.send(request);
  return parseAnswer(await client.untilClosed());
}

/** A GET with `Connection: close`. */
export function get(path: string, headers: readonly string[] = []): string {
  return `GET ${path} HTTP/1.1\r\n${["Host: gateway.test", ...headers, "Connection: close"].join("\r\n")}\r\n\r\n`;
}

export function parseAnswer(received: string): RawAnswer {
  const end = received.indexOf("\r\n\r\n");
  const head = received.slice(0, end);
  return { status: Number(head.split(" ")[1]), head, body: received.slice(end + 4) };
}
