import { channel } from "node:diagnostics_channel";
import { setTimeout as delay } from "node:timers/promises";
import { AppError, type ErrorCode, faultPoint, toAppError } from "@dormouse/kernel";
import type { SandboxPort, EngineSandboxState, SandboxId, SandboxRestart } from "@dormouse/schema";
import { Lease, type LeaseHolder } from "./lease.ts";
import { AGENT_PORT } from "./place.ts";

/** Longer together than an agent takes to replace itself. */
const IDLE_QUESTION_ATTEMPTS = 5;
const IDLE_QUESTION_PAUSE_MS = 100;

export type LifeState = "awake" | "falling-asleep" | "asleep" | "waking";

/** What the channel `dormouse.gateway.life` carries. */
export interface LifeEvent {
  readonly event: "sandbox.sleep" | "sandbox.wake";
  readonly outcome: "success" | "failure";
  readonly durationMs: number;
  readonly sandboxId: SandboxId;
  /** Of a failure, with what the engine said. */
  readonly code?: ErrorCode;
  readonly cause?: string;
  /** The sandbox's last, after a wake. */
  readonly restart?: SandboxRestart | undefined;
}

export interface LifeEntryOptions {
  readonly id: SandboxId;
  readonly address: string;
  readonly state: EngineSandboxState;
  readonly engine: SandboxPort;
  readonly idleMs: number;
}

/** An agent that takes longer than this to say that nothing keeps the sandbox awake waits for a keepAlive process. */
const IDLE_ANSWER_MAX_MS = 1000;

/** One `LifeEvent` per sleep and wake. */
const lifeEvents = channel("dormouse.gateway.life");

interface LifeEventDetails {
  readonly cause?: unknown;
  readonly restart?: SandboxRestart | undefined;
}

/**
 * One sandbox's sleep and wake. The object itself is the generation: after `end()` nothing it started can touch a sandbox
 * that is tracked later under the same id.
 */
export class SandboxLifeEntry implements LeaseHolder {
  readonly #id: SandboxId;
  readonly #engine: SandboxPort;
  readonly #leases = new Set<Lease>();
  /** Of the agent that runs now: its relays go with it. */
  readonly relayPorts = new Map<number, number>();
  #address: string;
  #state: LifeState;
  #idleMs: number;
  #lastUsedAtMs = Date.now();
  #isEnded = false;
  #isAgentGone = false;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #idleQuestion: AbortController | undefined;
  #idleAskedAtMs = 0;
  #sleep: Promise<void> | undefined;
  #wake: Promise<void> | undefined;

  constructor(options: LifeEntryOptions) {
    this.#id = options.id;
    this.#engine = options.engine;
    this.#address = options.address;
    this.#idleMs = options.idleMs;
    this.#state = options.state === "running" ? "awake" : "asleep";
    this.#isAgentGone = options.state === "stopped";
    this.#armIdleTimer();
  }

  get state(): LifeState {
    return this.#state;
  }

  get address(): string {
    return this.#address;
  }

  get lastUsedAtMs(): number {
    return this.#leases.size > 0 || this.#isKeptAlive() ? Date.now() : this.#lastUsedAtMs;
  }

  /** Takes over what the engine says, unless a sleep or wake is under way: that one knows better. */
  correct(sandbox: { address: string; state: EngineSandboxState; idleMs?: number }): void {
    this.#idleMs = sandbox.idleMs ?? this.#idleMs;
    if (this.#sleep !== undefined || this.#wake !== undefined) return;
    this.#moveTo(sandbox.address);
    this.#state = sandbox.state === "running" ? "awake" : "asleep";
    this.#isAgentGone = sandbox.state === "stopped";
    this.#armIdleTimer();
  }

  acquire(): Lease | Promise<Lease> {
    const lease = new Lease(this);
    this.#leases.add(lease);
    this.#idleQuestion?.abort();
    if (this.#state === "awake" || this.#thawAtOnce()) return lease;
    return this.#whenAwake(lease);
  }

  onLeaseEnd(lease: Lease): void {
    this.#leases.delete(lease);
    this.#lastUsedAtMs = Date.now();
    if (this.#leases.size === 0) this.#armIdleTimer();
  }

  /** Everything inside has died, or seems so: the next request asks the engine to wake it, which starts a dead one again. */
  onAgentGone(): void {
    this.#isAgentGone = true;
    this.relayPorts.clear();
    if (this.#state === "awake") this.#state = "asleep";
  }

  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#idleTimer);
    this.#idleQuestion?.abort();
    for (const lease of this.#leases) lease.abort();
  }

  #moveTo(address: string): void {
    if (address !== this.#address) this.relayPorts.clear();
    this.#address = address;
  }

  /** The usual wake: asleep, whole, and nothing under way. */
  #thawAtOnce(): boolean {
    if (this.#state !== "asleep" || this.#isAgentGone || this.#wake !== undefined) return false;
    const startedAtMs = performance.now();
    if (!this.#engine.thaw(this.#id)) return false;
    faultPoint("server.wake.thawed");
    this.#state = "awake";
    this.#publish("sandbox.wake", startedAtMs);
    return true;
  }

  async #whenAwake(lease: Lease): Promise<Lease> {
    try {
      await (this.#wake ??= this.#runWake());
      return lease;
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  async #runWake(): Promise<void> {
    // The engine must not see a sleep and a wake of one sandbox at once; #sleep never rejects.
    await this.#sleep;
    this.#state = "waking";
    const startedAtMs = performance.now();
    try {
      const { address, restart } = await this.#engine.wake(this.#id);
      faultPoint("server.wake.woken");
      this.#moveTo(address);
      this.#isAgentGone = false;
      this.#state = "awake";
      this.#publish("sandbox.wake", startedAtMs, { restart });
    } catch (cause) {
      this.#state = "asleep";
      this.#publish("sandbox.wake", startedAtMs, { cause });
      if (!this.#isEnded) throw wakeError(this.#id, cause);
    } finally {
      this.#wake = undefined;
    }
    if (this.#isEnded) throw new AppError("SANDBOX_NOT_FOUND", `Cannot reach sandbox "${this.#id}": it was deleted`);
  }

  /** One timer per idle period, not per request: it looks at the clock when it fires and is set again for what is left. */
  #armIdleTimer(delayMs = this.#idleMs): void {
    if (this.#isEnded || this.#idleTimer !== undefined) return;
    this.#idleTimer = setTimeout(() => {
      this.#idleTimer = undefined;
      this.#onIdleTimer();
    }, delayMs);
    this.#idleTimer.unref();
  }

  #onIdleTimer(): void {
    if (this.#leases.size > 0 || this.#state !== "awake" || this.#idleQuestion !== undefined) return;
    const leftMs = this.#lastUsedAtMs + this.#idleMs - Date.now();
    if (leftMs > 0) this.#armIdleTimer(leftMs);
    else void this.#sleepWhenNothingKeepsAlive();
  }

  async #sleepWhenNothingKeepsAlive(): Promise<void> {
    const question = new AbortController();
    this.#idleQuestion = question;
    this.#idleAskedAtMs = Date.now();
    await this.#askWhetherIdle(question.signal);
    if (this.#isKeptAlive()) this.#lastUsedAtMs = Date.now();
    this.#idleQuestion = undefined;
    if (this.#isEnded) return;
    if (question.signal.aborted || this.#leases.size > 0 || this.#state !== "awake") {
      // Leases that ended while the question was open found it open and set no timer that counts.
      if (this.#leases.size === 0) this.#armIdleTimer();
      return;
    }
    this.#sleep = this.#runSleep();
  }

  /** True while a keepAlive process uses the sandbox, though no request does. */
  #isKeptAlive(): boolean {
    return this.#idleQuestion !== undefined && Date.now() - this.#idleAskedAtMs > IDLE_ANSWER_MAX_MS;
  }

  /**
   * Resolves when no keepAlive process runs inside. An agent that replaces itself cuts the question off, so it is asked again;
   * one that stays silent has none to wait for.
   */
  async #askWhetherIdle(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; attempt <= IDLE_QUESTION_ATTEMPTS; attempt++) {
      try {
        const url = `http://${this.#address}:${AGENT_PORT}/_dormouse/idle`;
        // Whatever answers inside the sandbox must neither send this process elsewhere nor fill its memory.
        const answer = await fetch(url, { signal, redirect: "manual", timeout: false } as RequestInit);
        await answer.body?.cancel();
        return;
      } catch {
        if (signal.aborted || this.#isEnded) return;
        await delay(IDLE_QUESTION_PAUSE_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  async #runSleep(): Promise<void> {
    this.#state = "falling-asleep";
    const startedAtMs = performance.now();
    let cause: unknown;
    faultPoint("server.sleep.asked");
    try {
      await this.#engine.sleep(this.#id);
      faultPoint("server.sleep.done");
    } catch (error) {
      cause = error;
    }
    // After a failed sleep nobody knows whether the sandbox is frozen: "asleep" makes the next request wake it for certain.
    this.#state = "asleep";
    this.#sleep = undefined;
    this.#publish("sandbox.sleep", startedAtMs, { cause });
  }

  #publish(event: LifeEvent["event"], startedAtMs: number, { cause, restart }: LifeEventDetails = {}): void {
    if (!lifeEvents.hasSubscribers) return;
    const about = { event, durationMs: performance.now() - startedAtMs, sandboxId: this.#id, restart };
    const lifeEvent: LifeEvent =
      cause === undefined
        ? { ...about, outcome: "success" }
        : { ...about, outcome: "failure", code: toAppError(cause).code, cause: messageOf(cause) };
    lifeEvents.publish(lifeEvent);
  }
}

/** What whoever asks for a sandbox is told in the engine's own words. */
const TOLD_AS_IT_IS: ReadonlySet<ErrorCode> = new Set(["SANDBOX_NOT_FOUND", "HOST_FULL", "FORBIDDEN"]);

function wakeError(id: SandboxId, cause: unknown): AppError {
  if (cause instanceof AppError && TOLD_AS_IT_IS.has(cause.code)) return cause;
  return new AppError("ENGINE_UNAVAILABLE", `Cannot wake sandbox "${id}": the engine refused`, {
    hint: "Send the request again in a moment.",
    cause,
  });
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : "unknown");
