import { readConfig, type SandboxApiConfig } from "./config.ts";
import type { Identity } from "./identity/accounts.ts";
import { becomeIdentity, environmentOf, mustChangeTo } from "./identity/become.ts";
import { findIdentity } from "./identity/find.ts";
import { createLogDirectory, type LogFolder } from "./log-directory.ts";
import type { AgentState } from "./upgrade/saved-state.ts";

export interface SettleOptions {
  /** The agent's environment: its settings, and what processes inherit except `DORMOUSE_*`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where processes start. */
  readonly cwd: string;
  /** Whom the agent becomes for good, in the syntax of Docker's USER; without it the environment decides. */
  readonly user?: string | null;
  /** Made ahead; without it, or where the environment names another place, one is made. */
  readonly logFolder?: LogFolder | undefined;
}

/** What is settled before the first request is answered, and stays. */
export interface Settled {
  readonly config: SandboxApiConfig;
  /** Null when the agent stays who started it. */
  readonly identity: Identity | null;
  /** Folder with the output of processes and of the image's programs. */
  readonly logDirectory: string;
}

/**
 * Becomes who the agent is to be, after the one thing that may need more rights: its log directory. With `saved` it goes
 * on as the agent before. @throws {AppError} INVALID_ARGUMENT when it cannot be that user.
 */
export function settle(options: SettleOptions, saved: AgentState | null): Settled {
  const identity = saved === null ? findIdentity(options.user ?? null, options.env) : saved.identity;
  const env = identity === null ? options.env : environmentOf(identity, options.env);
  const config = readConfig(env, saved?.startDirectory ?? options.cwd);
  const next = identity !== null && mustChangeTo(identity) ? identity : null;
  const logDirectory = saved?.logDirectory ?? createLogDirectory(config.logDirectory, next, options.logFolder);
  if (next !== null) becomeIdentity(next);
  if (saved !== null && saved.environment !== null) config.environment.apply(saved.environment);
  return { config, identity, logDirectory };
}
