import { SingleFlight } from "@dormouse/kernel";
import type { SandboxId } from "@dormouse/schema";
import type { WarmSandbox } from "./warm-sandbox.ts";

export interface WarmPoolOptions {
  /** How many are kept ready of each image, by `name:tag`. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Makes one of an image. @throws when it cannot be made now */
  readonly prepare: (image: string) => Promise<WarmSandbox>;
  readonly discard: (sandbox: WarmSandbox) => Promise<void>;
  /** False while somebody waits for a sandbox of their own. */
  readonly mayPrepare: () => boolean;
}

/** A create follows its reservation at once; one that does not come lets the sandbox go. */
const RESERVATION_MS = 10_000;
/** A new sandbox is used at once, and mostly others are created beside it: making more waits until that is over. */
const QUIET_MS = 200;

interface Reservation {
  readonly sandbox: WarmSandbox;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Sandboxes made ahead of need, one after the other, and only while nobody waits for one of their own. */
export class WarmPool {
  readonly #options: WarmPoolOptions;
  readonly #ready = new Map<string, WarmSandbox[]>();
  readonly #reserved = new Map<SandboxId, Reservation>();
  readonly #filling = new SingleFlight<void>();
  #quietTimer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: WarmPoolOptions) {
    this.#options = options;
  }

  /** All there are, but the one that is reserved under the id. */
  countBeside(id?: SandboxId): number {
    const readyCount = [...this.#ready.values()].reduce((sum, { length }) => sum + length, 0);
    return readyCount + this.#reserved.size - (id !== undefined && this.#reserved.has(id) ? 1 : 0);
  }

  /** The id under which one of the image can be taken for some seconds; undefined when none is ready. */
  reserve(image: string): SandboxId | undefined {
    const sandbox = this.#ready.get(image)?.shift();
    if (sandbox === undefined) return undefined;
    const timer = setTimeout(() => void this.#letGo(sandbox.id), RESERVATION_MS);
    this.#reserved.set(sandbox.id, { sandbox, timer });
    return sandbox.id;
  }

  /** What was reserved under the id, which is then the caller's. */
  take(id: SandboxId): WarmSandbox | undefined {
    const reservation = this.#reserved.get(id);
    this.#reserved.delete(id);
    clearTimeout(reservation?.timer);
    return reservation?.sandbox;
  }

  /** Fills the pool in the background, once nothing was created for a moment and as long as nobody waits. */
  refill(): void {
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => void this.#filling.run("fill", () => this.#fill()), QUIET_MS);
  }

  /** Ends every sandbox that is nobody's. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#quietTimer);
    await this.#filling.run("fill", async () => undefined);
    const ready = [...this.#ready.values()].flat();
    this.#ready.clear();
    for (const sandbox of ready) await this.#options.discard(sandbox);
    for (const id of this.#reserved.keys()) await this.#letGo(id);
  }

  /** One that cannot be made is tried again at the next refill: whoever creates a sandbox of the image is told why. */
  async #fill(): Promise<void> {
    for (;;) {
      const image = this.#missing();
      if (image === undefined || this.#isClosed || !this.#options.mayPrepare()) return;
      const sandbox = await this.#options.prepare(image).catch(() => undefined);
      if (sandbox === undefined) return;
      const ready = this.#ready.get(image) ?? [];
      ready.push(sandbox);
      this.#ready.set(image, ready);
    }
  }

  #missing(): string | undefined {
    for (const [image, size] of this.#options.sizes) {
      if ((this.#ready.get(image)?.length ?? 0) < size) return image;
    }
    return undefined;
  }

  async #letGo(id: SandboxId): Promise<void> {
    const sandbox = this.take(id);
    if (sandbox !== undefined) await this.#options.discard(sandbox);
  }
}
