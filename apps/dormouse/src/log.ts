import { redactSecrets } from "@dormouse/kernel";
import { type DestinationStream, type Logger, pino } from "pino";

export interface LogOptions {
  readonly process: "server" | "engine";
  readonly level: string;
  /** Standard output unless given. */
  readonly destination?: DestinationStream;
}

/** One JSON object a line. Whatever looks like a secret is taken out of the finished line, wherever in the event it stood. */
export function createLog({ process, level, destination }: LogOptions): Logger {
  const options = { level, base: { process }, hooks: { streamWrite: redactSecrets } };
  return withoutStacks(() => (destination === undefined ? pino(options) : pino(options, destination)));
}

/** pino looks for its caller when it is made, and the runtime would load and keep the source map of every file on the way (decision 0038). */
function withoutStacks<T>(make: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
