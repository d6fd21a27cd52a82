import type { Socket, SocketSession } from "../web-socket.ts";
import { failure, INVALID_REQUEST, MAX_MESSAGE_BYTES, type Message, readMessage, type Reply } from "./message.ts";
import { metaError } from "./revisions.ts";
import type { McpServer } from "./server.ts";

/** The connection takes more, but what it holds back beyond its own limit it drops. */
const MAX_HELD_BACK_BYTES = 1024 * 1024;
/** With more answers waiting, the client is one that does not read them, and is cut off. */
const MAX_WAITING_CHARACTERS = 64 * 1024 * 1024;

const CLOSE_TOO_BIG = 1009;

/** MCP over a WebSocket: one JSON-RPC message a frame, in both directions. Calls under way are given up when it closes. */
export class McpSocket implements SocketSession {
  readonly #server: McpServer;
  #socket: Socket | null = null;
  #waiting: string[] = [];
  #waitingCharacters = 0;

  constructor(server: McpServer) {
    this.#server = server;
  }

  opened(socket: Socket): void {
    this.#socket = socket;
  }

  received(frame: string | Buffer): void {
    if (Buffer.byteLength(frame) > MAX_MESSAGE_BYTES) {
      this.#write(failure(INVALID_REQUEST, `A message is at most ${MAX_MESSAGE_BYTES} bytes`));
      this.#socket?.close(CLOSE_TOO_BIG, "message too big");
      return;
    }
    const { message, refusal } = readMessage(frame.toString());
    if (message === null) return this.#write(refusal);
    void this.#answer(message);
  }

  drained(): void {
    this.#flush();
  }

  closed(): void {
    this.#socket = null;
    this.#waiting = [];
    this.#waitingCharacters = 0;
    this.#server.close();
  }

  async #answer(message: Message): Promise<void> {
    const error = metaError(message);
    if (error !== null) return this.#write({ jsonrpc: "2.0", id: message.id, error });
    const reply = await this.#server.receive(message);
    if (reply !== null) this.#write(reply);
  }

  #write(reply: Reply): void {
    if (this.#socket === null) return;
    const text = JSON.stringify(reply);
    this.#waiting.push(text);
    this.#waitingCharacters += text.length;
    this.#flush();
    if (this.#waitingCharacters > MAX_WAITING_CHARACTERS) this.#socket?.terminate();
  }

  #flush(): void {
    while (this.#socket !== null && this.#socket.getBufferedAmount() < MAX_HELD_BACK_BYTES) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#waitingCharacters -= next.length;
      this.#socket.send(next);
    }
  }
}
