import { type Command, Option } from "commander";

export const OUTPUT_FORMATS = ["pretty", "yaml", "json", "table"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Options of every command. */
export interface GlobalOptions {
  readonly workspace?: string;
  readonly output?: OutputFormat;
  readonly verbose?: boolean;
  /** Times in UTC instead of local time. */
  readonly utc?: boolean;
}

export function addGlobalOptions(program: Command): void {
  program
    .option("-w, --workspace <name>", "workspace to use (default: that of your login)")
    .addOption(new Option("-o, --output <format>", "how to print data (default: table)").choices(OUTPUT_FORMATS))
    .option("-v, --verbose", "show the requests that are made")
    .option("-u, --utc", "show times in UTC")
    .addOption(new Option("--skip-version-warning", "accepted for compatibility").hideHelp());
}
