import type { Logger } from "@dormouse/control-plane";
import { redactSecrets } from "@dormouse/kernel";
import { err as serializeError } from "pino-std-serializers";
import { configure } from "safe-stable-stringify";
import { SonicBoom } from "sonic-boom";

export interface LogOptions {
  readonly process: "server" | "engine";
  readonly level: string;
  /** Takes each line; standard output unless given. */
  readonly write?: (line: string) => void;
}

type Event = Readonly<Record<string, unknown>>;

/** By their names in the configuration, with the numbers that readers of pino's format know. */
const LEVELS: Readonly<Record<string, number>> = {
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  silent: Number.POSITIVE_INFINITY,
};

/** Takes what `JSON.stringify` throws at, such as circles in errors of others. */
const stringify = configure({ deterministic: false });

/**
 * One JSON object a line, in pino's format and from the parts it is made of: pino itself would load all source maps when it
 * starts, to know its caller (decision 0038).
 * Whatever looks like a secret is taken out of the finished line, wherever in the event it stood.
 */
export function createLog({ process, level, write = writeToStandardOutput() }: LogOptions): Logger {
  const lowest = LEVELS[level] ?? LEVELS["info"]!;
  const at = (name: keyof Logger) => {
    const number = LEVELS[name]!;
    if (number < lowest) return () => undefined;
    return ({ err, ...event }: Event): void => {
      const line = { level: number, time: Date.now(), process, ...event, err: readable(err) };
      write(redactSecrets(`${stringify(line)}\n`));
    };
  };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

const readable = (error: unknown): unknown => (error instanceof Error ? serializeError(error) : error);

/** Never waits for a reader. One that has gone away, such as `head`, gets nothing more. */
function writeToStandardOutput(): (line: string) => void {
  const output = new SonicBoom({ fd: 1 });
  let hasReader = true;
  output.on("error", () => (hasReader = false));
  process.on("exit", () => hasReader && output.flushSync());
  return (line) => void (hasReader && output.write(line));
}
