import { basename, join } from "node:path";
import type { SandboxApiConfig } from "./config.ts";
import { OutputLog } from "./processes/output-log.ts";
import { spawnGroup } from "./processes/spawn.ts";

const AGENT_NAME = "sandbox-api";
const CAP_CHECK_INTERVAL_MS = 5000;

/**
 * Starts the image's own entry point as a child of the agent, unless that is the agent itself. Its output goes to
 * `entrypoint.*.log` in `logDirectory`, and so does the reason when it cannot be started: the agent serves either way.
 */
export function startEntrypoint(argv: readonly string[], config: SandboxApiConfig, logDirectory: string): void {
  const [program] = argv;
  if (program === undefined || basename(program) === AGENT_NAME) return;
  const log = new OutputLog(join(logDirectory, "entrypoint"), config.maxLogFileBytes);
  const capTimer = setInterval(() => log.look(), CAP_CHECK_INTERVAL_MS);
  try {
    spawnGroup({ argv, cwd: config.startDirectory, env: config.env }, log.descriptors, () => log.look());
  } catch (error) {
    clearInterval(capTimer);
    const reason = error instanceof Error ? error.message : String(error);
    log.append("stderr", `Cannot start the entry point "${program}": ${reason}\n`);
  }
}
