import { createServer, type Server, type Socket } from "node:net";
import { findReach, tryConnect } from "./port-reach.ts";

/** Makes a server listen. @returns its port */
export type Listen = (server: Server) => Promise<number>;

/**
 * Hands connections to a port of its own on to what listens on loopback at `targetPort`, byte for byte: each side's end, reset
 * and pace reach the other. Nothing is taken from a connection that cannot be handed on: it is reset.
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
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    this.#server = createServer(options, (client) => void this.#handOn(client));
    try {
      return await this.#listen(this.#server);
    } catch (error) {
      this.#port = undefined;
      throw error;
    }
  }

  async #handOn(client: Socket): Promise<void> {
    let isBroken = false;
    client.once("error", () => (isBroken = true));
    this.#keep(client);
    const target = (await tryConnect(this.#targetHost, this.#targetPort)) ?? (await this.#connectElsewhere());
    if (target === undefined) {
      client.resetAndDestroy();
      return;
    }
    this.#keep(target);
    this.#breakWith(client, target);
    this.#breakWith(target, client);
    if (isBroken) target.resetAndDestroy();
    client.pipe(target);
    target.pipe(client);
  }

  /** The target may have been started again on another address. Where it needs no relay any more, or is gone, this one ends. */
  async #connectElsewhere(): Promise<Socket | undefined> {
    const reach = await findReach(this.#targetPort);
    if (reach?.isLoopbackOnly !== true) this.close();
    if (reach === undefined) return undefined;
    this.#targetHost = reach.host;
    return tryConnect(reach.host, this.#targetPort);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /** An orderly end is passed on by `pipe`. */
  #breakWith(socket: Socket, other: Socket): void {
    socket.once("error", () => other.resetAndDestroy());
  }
}
