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
  return destination === undefined ? pino(options) : pino(options, destination);
}
