import { join } from "node:path";
import type { ImagePrograms } from "../image-programs.ts";
import { type Server, untilQuiet } from "../listen.ts";
import type { ProcessTable } from "../processes/process-table.ts";
import type { Settled } from "../settle.ts";
import type { Takeover } from "./saved-state.ts";
import { type Command, NEVER_UPGRADED, Upgrade } from "./upgrade.ts";

export interface UpgradeOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** The agent's environment: its settings, and what processes inherit except `DORMOUSE_*`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The command line that starts the agent anew; without it there is no `/upgrade`. */
  readonly command?: () => Command;
  /** From the agent that this one replaces; then it goes on with what that one has started. */
  readonly takeover?: Takeover | null;
}

interface Parts {
  readonly server: Server;
  readonly settled: Settled;
  readonly programs: ImagePrograms;
  readonly processes: ProcessTable;
}

/** The upgrade of an agent made of `parts`; null when nothing says how to start it anew. */
export function createUpgrade(
  options: UpgradeOptions,
  { server, settled, programs, processes }: Parts,
): Upgrade | null {
  const { env, command, takeover } = options;
  if (command === undefined) return null;
  const { config, identity, logDirectory } = settled;
  const subject = {
    env,
    command,
    statePath: env["SANDBOX_STATE_FILE"] || join(logDirectory, "upgrade.json"),
    untilQuiet: (timeoutMs: number) => untilQuiet(server, timeoutMs),
    save: () => ({
      port: server.port ?? options.port,
      startDirectory: config.startDirectory,
      logDirectory,
      identity,
      environment: config.environment.document,
      programs: programs.save(),
      processes: processes.save(),
    }),
  };
  return new Upgrade(subject, takeover?.history ?? NEVER_UPGRADED);
}
