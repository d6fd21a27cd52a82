import { channel } from "node:diagnostics_channel";
import { setTimeout as delay } from "node:timers/promises";
import { AppError, type ErrorCode, faultPoint, toAppError } from "@dormouse/kernel";
import type { EngineSandboxState, SandboxId, SandboxPort, SandboxRestart } from "@dormouse/schema";
import { countKeepAlive, untilAgentIsIdle } from "./agent-idle.ts";
import { Lease, type LeaseHolder, type LeaseUse } from "./lease.ts";

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
  /** Infinite for one that is not to sleep. */
  readonly idleMs: number;
}

/** What a sandbox is doing and why it is awake, as far as the gateway can tell. */
export interface LifeActivity {
  readonly state: LifeState;
  /** When it woke or fell asleep; `undefined` where only the engine knows. */
  readonly sinceMs: number | undefined;
  readonly lastUsedAtMs: number;
  /** Infinite for one that is not to sleep. */
  readonly idleMs: number;
  readonly leaseCounts: Readonly<Record<LeaseUse, number>>;
  readonly isKeptAlive: boolean;
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
  #sinceMs: number | undefined;
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

  get activity(): LifeActivity {
    const leaseCounts = { request: 0, stream: 0, webSocket: 0, terminal: 0 };
    for (const { use } of this.#leases) leaseCounts[use] += 1;
    return {
      state: this.#state,
      sinceMs: this.#sinceMs,
      lastUsedAtMs: this.lastUsedAtMs,
      idleMs: this.#idleMs,
      leaseCounts,
      isKeptAlive: this.#isKeptAlive(),
    };
  }

  /** `undefined` when the sandbox sleeps, which is not woken for it, or does not say. */
  async countKeepAlive(): Promise<number | undefined> {
    return this.#state === "awake" ? countKeepAlive(this.#address) : undefined;
  }

  /** Counts from the last use, so it may be over already. One that is not to sleep any more is woken. */
  setIdleMs(idleMs: number): void {
    if (idleMs === this.#idleMs) return;
    this.#idleMs = idleMs;
    this.#idleQuestion?.abort();
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
    this.#armIdleTimer(Math.max(0, this.#lastUsedAtMs + idleMs - Date.now()));
    if (idleMs === Number.POSITIVE_INFINITY && this.#state !== "awake") void this.#wakeUnasked();
  }

  /** Takes over what the engine says, unless a sleep or wake is under way: that one knows better. */
  correct(sandbox: { address: string; state: EngineSandboxState; idleMs: number }): void {
    this.setIdleMs(sandbox.idleMs);
    if (this.#sleep !== undefined || this.#wake !== undefined) return;
    this.#moveTo(sandbox.address);
    const state = sandbox.state === "running" ? "awake" : "asleep";
    if (state !== this.#state) this.#sinceMs = undefined;
    this.#state = state;
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
    if (this.#state === "awake") this.#enter("asleep");
  }

  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#idleTimer);
    this.#idleQuestion?.abort();
    for (const lease of this.#leases) lease.abort();
  }

  #enter(state: "awake" | "asleep"): void {
    this.#state = state;
    this.#sinceMs = Date.now();
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
    this.#enter("awake");
    this.#publish("sandbox.wake", startedAtMs);
    return true;
  }

  /** A wake that fails is made good by the next request. */
  async #wakeUnasked(): Promise<void> {
    try {
      (await this.acquire()).release();
    } catch {
      return;
    }
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
      this.#enter("awake");
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
    if (this.#isEnded || this.#idleTimer !== undefined || delayMs === Number.POSITIVE_INFINITY) return;
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
        await untilAgentIsIdle(this.#address, signal);
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
    this.#enter("asleep");
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
