import { connect } from "node:net";

export interface ReadyPipe extends Disposable {
  /** What the other side wrote first; rejects when all who held its end are gone without a word. */
  readonly said: Promise<string>;
  /** Writes a text and resolves with what the other side writes then; rejects as `said` does. */
  ask(text: string): Promise<string>;
}

/** Listens on the descriptor `Bun.spawn` gives for a `pipe`, so that a start is an event and nothing has to be polled. */
export function openReadyPipe(descriptor: unknown): ReadyPipe {
  if (typeof descriptor !== "number") throw new TypeError("Cannot listen on a ready pipe: it is no descriptor");
  const socket = connect({ fd: descriptor } as never);
  socket.on("error", () => undefined);
  const nextWord = (): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    promise.catch(() => undefined);
    const onEnd = (): void => reject(new Error("the process ended before it was ready"));
    socket.once("close", onEnd);
    socket.once("data", (data: Buffer) => {
      socket.off("close", onEnd);
      resolve(data.toString().trim());
    });
    if (socket.destroyed) onEnd();
    return promise;
  };
  return {
    said: nextWord(),
    ask(text) {
      const answer = nextWord();
      socket.write(text);
      return answer;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
