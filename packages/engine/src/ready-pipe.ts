import { connect } from "node:net";

export interface ReadyPipe extends Disposable {
  /** What the other side wrote first; rejects when all who held its end are gone without a word. */
  readonly said: Promise<string>;
}

/** Listens on the descriptor `Bun.spawn` gives for a `pipe`, so that a start is an event and nothing has to be polled. */
export function openReadyPipe(descriptor: unknown): ReadyPipe {
  if (typeof descriptor !== "number") throw new TypeError("Cannot listen on a ready pipe: it is no descriptor");
  const socket = connect({ fd: descriptor } as never);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  promise.catch(() => undefined);
  socket.once("data", (data: Buffer) => resolve(data.toString().trim()));
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("the process ended before it was ready")));
  return { said: promise, [Symbol.dispose]: () => void socket.destroy() };
}
