import type { EngineSandbox, SandboxId } from "@dormouse/schema";
import type { SandboxLife } from "../src/ports.ts";

/** A life without sleep of its own: sandboxes are what `track` said they are. */
export class MemoryLife implements SandboxLife {
  /** When a test says they were used. */
  readonly usedAtMs = new Map<SandboxId, number>();
  readonly tracked = new Map<SandboxId, Pick<EngineSandbox, "id" | "address" | "state">>();

  track(sandbox: Pick<EngineSandbox, "id" | "address" | "state">): void {
    this.tracked.set(sandbox.id, sandbox);
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
}
