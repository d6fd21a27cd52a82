import type { SandboxId } from "@dormouse/schema";
import type { LifeActivity, SandboxLife, TrackedSandbox } from "../src/ports.ts";

const IDLE_MS = 5000;

/** A life without sleep of its own: sandboxes are what `track` said they are. */
export class MemoryLife implements SandboxLife {
  /** When a test says they were used. */
  readonly usedAtMs = new Map<SandboxId, number>();
  /** What a test says is open to them, and runs in them. */
  readonly leaseCounts = { request: 0, stream: 0, webSocket: 0, terminal: 0 };
  keepAliveCount = 0;
  readonly tracked = new Map<SandboxId, TrackedSandbox>();

  track(sandbox: TrackedSandbox): void {
    this.tracked.set(sandbox.id, sandbox);
  }

  setIdleMs(id: SandboxId, idleMs: number | undefined): void {
    const sandbox = this.tracked.get(id);
    if (sandbox !== undefined) this.tracked.set(id, { ...sandbox, idleMs });
  }

  forget(id: SandboxId): void {
    this.tracked.delete(id);
  }

  state(id: SandboxId): "awake" | "asleep" | undefined {
    const sandbox = this.tracked.get(id);
    return sandbox && (sandbox.state === "running" ? "awake" : "asleep");
  }

  lastUsedAtMs(id: SandboxId): number | undefined {
    return this.tracked.has(id) ? this.usedAtMs.get(id) : undefined;
  }

  activity(id: SandboxId): LifeActivity | undefined {
    const state = this.state(id);
    if (state === undefined) return undefined;
    return {
      state,
      sinceMs: undefined,
      lastUsedAtMs: this.usedAtMs.get(id) ?? 0,
      idleMs: this.tracked.get(id)?.idleMs ?? IDLE_MS,
      leaseCounts: this.leaseCounts,
      isKeptAlive: this.keepAliveCount > 0,
    };
  }

  async countKeepAlive(id: SandboxId): Promise<number | undefined> {
    return this.state(id) === "awake" ? this.keepAliveCount : undefined;
  }
}
