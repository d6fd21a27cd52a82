import { SingleFlight } from "@dormouse/kernel";
import type { SandboxId } from "@dormouse/schema";
import { referenceOf } from "./images/manifest.ts";
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

/** A new sandbox is used at once, and mostly others are created beside it: making more waits until that is over. */
const QUIET_MS = 200;

/** Sandboxes made ahead of need, one after the other, and only while nobody waits for one of their own. */
export class WarmPool {
  readonly #options: WarmPoolOptions;
  readonly #ready = new Map<SandboxId, WarmSandbox>();
  readonly #filling = new SingleFlight<void>();
  #quietTimer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: WarmPoolOptions) {
    this.#options = options;
  }

  /** All there are, but the one of the id. */
  countBeside(id?: SandboxId): number {
    return this.#ready.size - (id !== undefined && this.#ready.has(id) ? 1 : 0);
  }

  /** Those of the image, by `name:tag`; the one that waits longest first. */
  readyIds(image: string): SandboxId[] {
    return this.#readyOf(image).map(({ id }) => id);
  }

  /** The one of the id, which is then the caller's. */
  take(id: SandboxId): WarmSandbox | undefined {
    const sandbox = this.#ready.get(id);
    this.#ready.delete(id);
    return sandbox;
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
    const ready = [...this.#ready.values()];
    this.#ready.clear();
    for (const sandbox of ready) await this.#options.discard(sandbox);
  }

  /** One that cannot be made is tried again at the next refill: whoever creates a sandbox of the image is told why. */
  async #fill(): Promise<void> {
    for (;;) {
      const image = this.#missing();
      if (image === undefined || this.#isClosed || !this.#options.mayPrepare()) return;
      const sandbox = await this.#options.prepare(image).catch(() => undefined);
      if (sandbox === undefined) return;
      this.#ready.set(sandbox.id, sandbox);
    }
  }

  #missing(): string | undefined {
    for (const [image, size] of this.#options.sizes) {
      if (this.#readyOf(image).length < size) return image;
    }
    return undefined;
  }

  #readyOf(image: string): WarmSandbox[] {
    return [...this.#ready.values()].filter((sandbox) => referenceOf(sandbox.image) === image);
  }
}
