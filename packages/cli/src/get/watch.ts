import { delay } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { readKeys } from "../keys.ts";
import { createMessages } from "../output/messages.ts";

export interface WatchOptions {
  readonly watch?: boolean;
}

type Print = (context: Context) => Promise<void>;

const INTERVAL_MS = 2000;
const STOP_KEYS = ["q", "Q", "\u0003"];
const CLEAR = "\u001b[2J\u001b[H";

/** Prints once, or with `--watch` again and again until q or Ctrl-C. */
export async function watched(context: Context, { watch }: WatchOptions, print: Print): Promise<void> {
  if (watch !== true) return print(context);
  const { io } = context;
  const stop = new AbortController();
  const end = (): void => stop.abort();
  using listeners = new DisposableStack();
  listeners.use(readKeys(io, (typed) => STOP_KEYS.some((key) => typed.includes(key)) && end()));
  listeners.use(io.onSignal("SIGINT", end));
  for (let isFirst = true; !stop.signal.aborted; isFirst = false) {
    const screen = await draw(context, print, isFirst);
    // With the keyboard raw, a line feed alone may not go back to the margin.
    io.stdout.write(io.isTty.stdout ? CLEAR + screen.replaceAll("\n", "\r\n") : screen);
    await delay(INTERVAL_MS, stop.signal).catch(() => undefined);
  }
  context.say.info("Stopped watching.");
}

/** What `print` prints, so that the screen changes at once. What fails later than the first time may go well the next. */
async function draw(context: Context, print: Print, isFirst: boolean): Promise<string> {
  let screen = `Every ${INTERVAL_MS / 1000}s: ${new Date().toString()}\n\n`;
  const stdout = {
    write: (text: string | Uint8Array) => {
      screen += text.toString();
    },
  };
  const io = { ...context.io, stdout };
  try {
    await print({ ...context, io, say: createMessages(io, context.options.output) });
  } catch (error) {
    if (isFirst) throw error;
    screen += `${error instanceof Error ? error.message : String(error)}\n`;
  }
  return screen;
}
