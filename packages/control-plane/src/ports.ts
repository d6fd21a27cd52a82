import type { EnginePort, EngineSandbox, SandboxId } from "@dormouse/schema";
import type { Store } from "@dormouse/store";
import type { Directory } from "./directory.ts";

/** Who keeps sandboxes asleep and awake. It sees every request to a sandbox, this package sees none. */
export interface SandboxLife {
  /** From now on the sandbox sleeps when idle and is woken by requests. */
  track(sandbox: Pick<EngineSandbox, "id" | "address" | "state">): void;
  /** No request wakes the sandbox any more. Idempotent. */
  forget(id: SandboxId): void;
  /** `undefined` for one that is not tracked. */
  state(id: SandboxId): "awake" | "falling-asleep" | "asleep" | "waking" | undefined;
  /** When it last served a request; `undefined` for one that is not tracked. */
  lastUsedAtMs(id: SandboxId): number | undefined;
}

/** Structured log; pino fits. */
export interface Logger {
  info(event: Readonly<Record<string, unknown>>): void;
  warn(event: Readonly<Record<string, unknown>>): void;
  error(event: Readonly<Record<string, unknown>>): void;
}

export interface ControlPlaneSettings {
  /** What clients reach the server at, such as `https://sandboxes.example.com`; without it, the `Host` they called. */
  readonly publicUrl: string | undefined;
  /** `host` gives every preview an origin of its own; `path` needs no wildcard name. */
  readonly previewUrlStyle: "host" | "path";
  /** Most memory one sandbox may ask for. */
  readonly memoryMaxMb: number;
  /** Cores of the machine. */
  readonly cpuCount: number;
}

export interface ControlPlaneDeps {
  readonly store: Store;
  readonly engine: EnginePort;
  readonly life: SandboxLife;
  readonly directory: Directory;
  readonly settings: ControlPlaneSettings;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}
