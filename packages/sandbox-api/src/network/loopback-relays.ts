import type { Server } from "node:net";
import { AppError } from "@dormouse/kernel";
import { hasErrorCode } from "../http.ts";
import { LoopbackRelay } from "./loopback-relay.ts";
import { findReach } from "./port-reach.ts";

/** Above what the kernel hands out by itself (`ip_local_port_range`), and hardly any program's own choice. */
const FIRST_RELAY_PORT = 61_000;
const RELAY_PORT_COUNT = 65_536 - FIRST_RELAY_PORT;

/** One relay for each port that somebody outside has asked for and that listens on loopback only. */
export class LoopbackRelays implements Disposable {
  readonly #relays = new Map<number, LoopbackRelay>();
  /** Target of each relay port, for ever: whoever remembers the port of a closed relay must never meet another server there. */
  readonly #targets = new Map<number, number>();

  /**
   * The port at which others reach what listens on `targetPort`: a relay's, or that port itself where none is needed.
   * @throws {AppError} PROCESS_NOT_FOUND when nobody listens there, UNPROCESSABLE when no port is left for a relay.
   */
  async open(targetPort: number): Promise<number> {
    const reach = await findReach(targetPort);
    if (reach?.isLoopbackOnly === true) return this.#relayTo(targetPort).open(reach.host);
    this.#relays.get(targetPort)?.close();
    if (reach !== undefined) return targetPort;
    throw new AppError("PROCESS_NOT_FOUND", `Cannot relay to port ${targetPort}: nothing listens on it`);
  }

  [Symbol.dispose](): void {
    for (const relay of this.#relays.values()) relay[Symbol.dispose]();
  }

  #relayTo(targetPort: number): LoopbackRelay {
    const known = this.#relays.get(targetPort);
    if (known !== undefined) return known;
    const relay = new LoopbackRelay(targetPort, (server) => this.#listen(server, targetPort));
    this.#relays.set(targetPort, relay);
    return relay;
  }

  /** The same target gets the same port again where it can, also from the next agent. */
  async #listen(server: Server, targetPort: number): Promise<number> {
    for (let step = 0; step < RELAY_PORT_COUNT; step += 1) {
      const port = FIRST_RELAY_PORT + ((targetPort + step) % RELAY_PORT_COUNT);
      if ((this.#targets.get(port) ?? targetPort) !== targetPort) continue;
      this.#targets.set(port, targetPort);
      if (await tryListen(server, port)) return port;
    }
    throw new AppError("UNPROCESSABLE", `Cannot relay to port ${targetPort}: no port is left for a relay`);
  }
}

/** False when the port is taken. @throws any other errno error of listening */
async function tryListen(server: Server, port: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const succeed = (): void => resolve(true);
  const fail = (error: Error): void => (hasErrorCode(error, "EADDRINUSE") ? resolve(false) : reject(error));
  server.once("listening", succeed).once("error", fail);
  // Never shared: an app that asks for this port must be told that it is taken.
  server.listen({ host: "0.0.0.0", port, exclusive: true });
  return promise.finally(() => server.off("listening", succeed).off("error", fail));
}
