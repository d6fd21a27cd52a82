import type { EnginePort, EngineSandbox, HubImage, ProcessRequest, SandboxId } from "@dormouse/schema";
import type { Store } from "@dormouse/store";
import type { AuditLog } from "./audit/audit-log.ts";
import type { Directory } from "./directory.ts";
import type { Scheduler } from "./schedules/scheduler.ts";

/** Who keeps sandboxes asleep and awake. It sees every request to a sandbox, this package sees none. */
export interface SandboxLife {
  /** From now on the sandbox sleeps when idle and is woken by requests. */
  track(sandbox: TrackedSandbox): void;
  /** At once, counted from the last use; infinite for never, `undefined` for the server's own time. */
  setIdleMs(id: SandboxId, idleMs: number | undefined): void;
  /** No request wakes the sandbox any more. Idempotent. */
  forget(id: SandboxId): void;
  /** `undefined` for one that is not tracked. */
  state(id: SandboxId): "awake" | "falling-asleep" | "asleep" | "waking" | undefined;
  /** When it last served a request; `undefined` for one that is not tracked. */
  lastUsedAtMs(id: SandboxId): number | undefined;
  /** `undefined` for one that is not tracked. */
  activity(id: SandboxId): LifeActivity | undefined;
  /** Processes that keep it awake; `undefined` when it sleeps or does not say. */
  countKeepAlive(id: SandboxId): Promise<number | undefined>;
}

export interface TrackedSandbox extends Pick<EngineSandbox, "id" | "address" | "state"> {
  /** Infinite for never, `undefined` for the server's own time. */
  readonly idleMs?: number | undefined;
}

/** What the gateway sees of a sandbox. */
export interface LifeActivity {
  readonly state: "awake" | "falling-asleep" | "asleep" | "waking";
  /** When it woke or fell asleep; `undefined` if that was before the server's start. */
  readonly sinceMs: number | undefined;
  readonly lastUsedAtMs: number;
  /** Infinite for one that is not to sleep. */
  readonly idleMs: number;
  readonly leaseCounts: Readonly<Record<"request" | "stream" | "webSocket" | "terminal", number>>;
  /** A process keeps it awake. */
  readonly isKeptAlive: boolean;
}

/** The API inside sandboxes. One that sleeps is woken for the call, and may sleep again when it is answered. */
export interface SandboxCalls {
  /** `POST /process`: resolves with the sandbox's answer, whatever it is. @throws {AppError} when there is none */
  startProcess(id: SandboxId, request: ProcessRequest, signal: AbortSignal): Promise<SandboxAnswerToCall>;
  /** What its programs have written, the ends of it. @throws {AppError} when it does not answer */
  readOutput(id: SandboxId, signal: AbortSignal): Promise<readonly ProgramOutput[]>;
}

/** What one program in a sandbox has written. */
export interface ProgramOutput {
  readonly name: string;
  /** `undefined` for one that started with its sandbox. */
  readonly startedAtMs: number | undefined;
  /** `undefined` while it runs. */
  readonly endedAtMs: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SandboxAnswerToCall {
  readonly status: number;
  /** What the sandbox says, at most a few lines; `undefined` where it says nothing. */
  readonly error: string | undefined;
}

/** DNS as a client of it sees it; both give nothing for a name that is not there. */
export interface Resolver {
  /** Each record's whole text. @throws {AppError} UPSTREAM_UNREACHABLE when DNS does not answer */
  resolveTxt(name: string): Promise<readonly string[]>;
  /** @throws {AppError} UPSTREAM_UNREACHABLE when DNS does not answer */
  resolveCname(name: string): Promise<readonly string[]>;
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
  readonly sandboxUrlStyle: "host" | "path";
  /** Host name that their own hosts stand in front of; without it, what clients reach the server at. */
  readonly domain: string | undefined;
  /** Where authorization codes may be sent, besides programs on the user's own machine. */
  readonly redirectUris: readonly string[];
  /** Most memory one sandbox may ask for. */
  readonly memoryMaxMb: number;
  /** How long the audit log is kept. */
  readonly auditRetentionDays: number;
  /** Whether the engine keeps sandboxes ready, so that ids come from it. */
  readonly hasWarmPool: boolean;
  /** Cores of the machine. */
  readonly cpuCount: number;
}

export interface ControlPlaneDeps {
  readonly store: Store;
  readonly engine: EnginePort;
  readonly life: SandboxLife;
  readonly directory: Directory;
  readonly audit: AuditLog;
  readonly resolver: Resolver;
  readonly scheduler: Scheduler;
  readonly calls: SandboxCalls;
  readonly settings: ControlPlaneSettings;
  /** What is said of public images. */
  readonly hub: readonly HubImage[];
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}
