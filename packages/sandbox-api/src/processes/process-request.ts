import type { ProcessRequest } from "@dormouse/schema";
import { AppError, randomId } from "@dormouse/kernel";
import type { SandboxApiConfig } from "../config.ts";
import { expandPath } from "../files/paths.ts";
import { invalidBody, type JsonFields } from "../json-body.ts";

/** A checked `ProcessRequest`: what to run and how. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  /** As the client gave it, empty when it did not. */
  readonly workingDir: string;
  /** Absolute or relative to where the agent was started; null means there. */
  readonly directory: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly isRestartedOnFailure: boolean;
  /** Negative means unlimited. */
  readonly maxRestarts: number;
  readonly isKeepAlive: boolean;
  /** The process group is killed when it elapses; null means never. */
  readonly killAfterMs: number | null;
  /** Its input is a pipe clients write to, instead of empty. */
  readonly hasStdin: boolean;
}

/** What the caller of exec wants to wait for. */
export interface WaitSpec {
  readonly ports: readonly number[];
  readonly isForCompletion: boolean;
  /** Bounds all waits together; null means unbounded. */
  readonly timeoutSeconds: number | null;
}

const DEFAULT_KEEP_ALIVE_SECONDS = 600;

/** @throws {AppError} INVALID_ARGUMENT, with the texts clients know. */
export function readProcessRequest(
  fields: JsonFields,
  config: SandboxApiConfig,
): { spec: ProcessSpec; wait: WaitSpec } {
  const request = readFields(fields);
  const isKeepAlive = request.keepAlive ?? false;
  if (isKeepAlive && config.isKeepAliveDisabled) {
    const reason = "it is not included in your current plan";
    throw new AppError("INVALID_ARGUMENT", `keepAlive is not available for this sandbox: ${reason}`);
  }
  const timeoutSeconds = effectiveTimeoutSeconds(isKeepAlive, request.timeout);
  const spec: ProcessSpec = {
    name: request.name || `proc-${randomId(8)}`,
    command: request.command,
    workingDir: request.workingDir ?? "",
    directory: request.workingDir ? expandPath(request.workingDir, config.homeDirectory) : null,
    env: request.env ?? {},
    isRestartedOnFailure: request.restartOnFailure ?? false,
    maxRestarts: request.maxRestarts ?? 0,
    isKeepAlive,
    killAfterMs: isKeepAlive && timeoutSeconds !== null ? timeoutSeconds * 1000 : null,
    hasStdin: request.stdin ?? false,
  };
  const ports = request.waitForPorts ?? [];
  return { spec, wait: { ports, isForCompletion: request.waitForCompletion ?? false, timeoutSeconds } };
}

type Fields = { readonly [K in keyof ProcessRequest]: Readonly<ProcessRequest[K]> | undefined };

function readFields(fields: JsonFields): Fields & { readonly command: string } {
  const waitForPorts = fields.integers("waitForPorts");
  const badPort = waitForPorts?.find((port) => port < 1 || port > 65_535);
  if (badPort !== undefined) throw invalidBody(`field "waitForPorts" holds ${badPort}, which is not a port`);
  return {
    command: fields.requiredString("command"),
    name: fields.string("name"),
    workingDir: fields.string("workingDir"),
    env: fields.strings("env"),
    waitForCompletion: fields.boolean("waitForCompletion"),
    timeout: fields.integer("timeout"),
    waitForPorts: waitForPorts === undefined ? undefined : [...waitForPorts],
    restartOnFailure: fields.boolean("restartOnFailure"),
    maxRestarts: fields.integer("maxRestarts"),
    keepAlive: fields.boolean("keepAlive"),
    stdin: fields.boolean("stdin"),
  };
}

function effectiveTimeoutSeconds(isKeepAlive: boolean, requested: number | undefined): number | null {
  if (!isKeepAlive) return requested !== undefined && requested > 0 ? requested : null;
  if (requested === undefined || requested < 0) return DEFAULT_KEEP_ALIVE_SECONDS;
  return requested === 0 ? null : requested;
}
