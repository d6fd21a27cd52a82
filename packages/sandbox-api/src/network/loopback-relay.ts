import { createConnection, createServer, type Server, type Socket } from "node:net";
import { hasErrorCode } from "../http.ts";

const BOTH_WAYS = { allowHalfOpen: true, noDelay: true } as const;

/** Makes a server listen. @returns its port */
export type Listen = (server: Server) => Promise<number>;

/**
 * Hands connections to a port of its own on to what listens on loopback at `targetPort`, byte for byte: each side's end, reset
 * and pace reach the other. Takes none while nobody listens there.
 */
export class LoopbackRelay implements Disposable {
  readonly #targetPort: number;
  readonly #listen: Listen;
  readonly #sockets = new Set<Socket>();
  #targetHost = "";
  #server: Server | undefined;
  #port: Promise<number> | undefined;

  constructor(targetPort: number, listen: Listen) {
    this.#targetPort = targetPort;
    this.#listen = listen;
  }

  /** Takes connections for the listener on that loopback address. @returns its own port */
  open(targetHost: string): Promise<number> {
    this.#targetHost = targetHost;
    return (this.#port ??= this.#start());
  }

  /** Takes no more connections until it is opened again; those there are go on. Idempotent. */
  close(): void {
    this.#port = undefined;
    this.#server?.close();
  }

  [Symbol.dispose](): void {
    this.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #start(): Promise<number> {
    this.#server = createServer({ ...BOTH_WAYS, pauseOnConnect: true }, (client) => this.#handOn(client));
    try {
      return await this.#listen(this.#server);
    } catch (error) {
      this.#port = undefined;
      throw error;
    }
  }

  #handOn(client: Socket): void {
    const target = createConnection({ ...BOTH_WAYS, host: this.#targetHost, port: this.#targetPort });
    target.once("error", (error) => hasErrorCode(error, "ECONNREFUSED") && this.close());
    this.#join(client, target);
    this.#join(target, client);
    target.once("connect", () => {
      client.pipe(target);
      target.pipe(client);
    });
  }

  /** What breaks one side breaks the other; an orderly end is passed on by `pipe`. */
  #join(socket: Socket, other: Socket): void {
    this.#sockets.add(socket);
    socket.once("error", () => other.resetAndDestroy());
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
