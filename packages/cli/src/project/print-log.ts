import type { Context } from "../context.ts";
import type { LiveLine } from "./live-line.ts";

/** True when stdout is for data alone. */
export const isData = ({ options: { output } }: Pick<Context, "options">): boolean =>
  output === "json" || output === "yaml";

/** A line of a build, or about it: beside the data where stdout is for data. */
export function printLog(context: Pick<Context, "io" | "options">, live: LiveLine, line: string): void {
  if (isData(context)) context.io.stderr.write(`${line}\n`);
  else live.print(line);
}
