import { StringDecoder } from "node:string_decoder";
import type { Io } from "./io.ts";

/** Hands over what is typed as it is typed, until disposed; nothing where there is no keyboard. */
export function readKeys(io: Io, handler: (keys: string) => unknown): Disposable {
  const { stdin } = io;
  if (!io.isTty.stdin) return { [Symbol.dispose]: () => undefined };
  const decoder = new StringDecoder("utf8");
  const read = (chunk: Buffer): void => {
    const keys = decoder.write(chunk);
    if (keys !== "") handler(keys);
  };
  stdin.setRawMode?.(true);
  stdin.on("data", read);
  stdin.resume();
  return {
    [Symbol.dispose]: () => {
      stdin.off("data", read);
      stdin.setRawMode?.(false);
      stdin.pause();
    },
  };
}
