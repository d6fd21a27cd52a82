import { AppError } from "@dormouse/kernel";
import type {
  EngineCreation,
  EngineSandbox,
  EngineSandboxMemory,
  EngineStats,
  SandboxId,
  SandboxPort,
} from "@dormouse/schema";

/** An engine for one sandbox that only remembers; `beforeSleep` and `beforeWake` let a test hold or fail a call. */
export class MemoryEngine implements SandboxPort {
  readonly calls: string[] = [];
  readonly #address: string;
  beforeSleep: () => Promise<void> = () => Promise.resolve();
  beforeWake: () => Promise<void> = () => Promise.resolve();

  constructor(address: string) {
    this.#address = address;
  }

  async sleep(_id: SandboxId): Promise<void> {
    this.calls.push("sleep");
    await this.beforeSleep();
    this.calls.push("slept");
  }

  async wake(id: SandboxId): Promise<EngineSandbox> {
    this.calls.push("wake");
    await this.beforeWake();
    this.calls.push("woken");
    return { id, state: "running", address: this.#address, freezeFile: "", image: "base", createdAtMs: 0 };
  }

  thaw(): boolean {
    return false;
  }

  create(): Promise<EngineCreation> {
    return Promise.reject(new AppError("HOST_FULL", "Cannot create a sandbox: this engine only remembers"));
  }

  readyIds(): Promise<SandboxId[]> {
    return Promise.resolve([]);
  }

  assertRoom(): Promise<void> {
    return Promise.resolve();
  }

  get(id: SandboxId): Promise<EngineSandbox> {
    return this.wake(id);
  }

  memory(): Promise<EngineSandboxMemory> {
    return Promise.resolve({ residentBytes: 0, swappedBytes: 0, isPagedOut: false });
  }

  list(): Promise<EngineSandbox[]> {
    return Promise.resolve([]);
  }

  forbidRestart(): Promise<void> {
    return Promise.resolve();
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }

  stats(): Promise<EngineStats> {
    return Promise.resolve({
      sandboxes: { residentBytes: 0, pagedOutBytes: 0 },
      engine: { residentBytes: 0, cpuSeconds: 0 },
    });
  }
}
