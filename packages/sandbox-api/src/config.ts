import { Environment } from "./environment/environment.ts";

/** What the agent takes from its environment, read once at start. */
export interface SandboxApiConfig {
  /** Environment of every process, before the request's own variables, as it is now: a reload changes it. */
  readonly env: Readonly<Record<string, string>>;
  readonly environment: Environment;
  /** Where the platform writes new variables before it asks for a reload. */
  readonly environmentDocumentPath: string;
  /** Directory the agent was started in: where processes start. */
  readonly startDirectory: string;
  /** Directory relative file paths start from. */
  readonly workingDirectory: string;
  readonly homeDirectory: string | null;
  readonly shell: string;
  readonly shellArguments: readonly string[];
  readonly isKeepAliveDisabled: boolean;
  readonly isTerminalDisabled: boolean;
  readonly logDirectory: string;
  /** Per file; 0 means no cap. */
  readonly maxLogFileBytes: number;
  /** All logs together; null means `maxLogPercent` of the memory. */
  readonly maxLogBytesTotal: number | null;
  readonly maxLogPercent: number;
  /** Per stream of one answer. */
  readonly maxLogsResponseBytes: number;
}

const PLATFORM_PREFIX = "DORMOUSE_";
/** A variable that would change the agent itself, such as `LD_PRELOAD`, comes under this prefix and is for processes only. */
const WRAPPED_PREFIX = "DORMOUSE_ENV_";
const DEFAULT_DOCUMENT_PATH = "/bl/metadata";
export const DEFAULT_LOG_DIRECTORY = "/var/log/sandbox-api";
const DEFAULT_MAX_LOG_FILE_BYTES = 32 * 1024 * 1024;
const DEFAULT_MAX_LOG_PERCENT = 10;
const DEFAULT_MAX_LOGS_RESPONSE_BYTES = 4 * 1024 * 1024;

/** Variables of the platform itself (`DORMOUSE_*`) stay out of `env`, wrapped ones are unwrapped; a number that does not parse counts as absent. */
export function readConfig(env: Readonly<Record<string, string | undefined>>, cwd: string): SandboxApiConfig {
  const environment = new Environment(childEnvironment(env));
  return {
    get env() {
      return environment.variables;
    },
    environment,
    environmentDocumentPath: env["BL_METADATA_PATH"] || DEFAULT_DOCUMENT_PATH,
    startDirectory: cwd,
    workingDirectory: env["WORKDIR"] || cwd,
    homeDirectory: env["HOME"] || null,
    shell: env["SHELL"] || "sh",
    shellArguments: (env["SHELL_ARGS"] || "-c").split(" ").filter((argument) => argument !== ""),
    isKeepAliveDisabled: isOn(env["BL_DISABLE_KEEPALIVE"]),
    isTerminalDisabled: isOn(env["DISABLE_TERMINAL"]),
    logDirectory: env["SANDBOX_LOG_DIR"] || DEFAULT_LOG_DIRECTORY,
    maxLogFileBytes: byteCount(env["SANDBOX_MAX_LOG_FILE_BYTES"], DEFAULT_MAX_LOG_FILE_BYTES),
    maxLogBytesTotal: byteCount(env["SANDBOX_MAX_LOG_BYTES_TOTAL"], 0) || null,
    maxLogPercent: byteCount(env["SANDBOX_MAX_LOG_PERCENT"], 0) || DEFAULT_MAX_LOG_PERCENT,
    maxLogsResponseBytes: byteCount(env["SANDBOX_MAX_LOGS_RESPONSE_BYTES"], DEFAULT_MAX_LOGS_RESPONSE_BYTES),
  };
}

function childEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (key.startsWith(WRAPPED_PREFIX)) kept[key.slice(WRAPPED_PREFIX.length)] = value;
    else if (!key.startsWith(PLATFORM_PREFIX)) kept[key] = value;
  }
  return kept;
}

const isOn = (value: string | undefined): boolean => value === "true" || value === "1";

const byteCount = (value: string | undefined, fallback: number): number =>
  value !== undefined && /^\d+$/.test(value) ? Number(value) : fallback;
