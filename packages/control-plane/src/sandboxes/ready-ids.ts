import type { SandboxId } from "@dormouse/schema";

/** A create follows at once. If it does not come, or never reaches the engine, the id may be used again. */
const TAKEN_MS = 10_000;

/** Sandboxes that the engine keeps ready, by image, as it said last: a create that takes one of them need not ask for it. */
export class ReadyIds {
  readonly #clock: () => number;
  readonly #byImage = new Map<string, SandboxId[]>();
  readonly #takenAtMs = new Map<SandboxId, number>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** What the engine says, which may not know yet of what was taken just now. */
  note(image: string, ids: readonly SandboxId[]): void {
    for (const [id, takenAtMs] of this.#takenAtMs) {
      if (this.#clock() - takenAtMs > TAKEN_MS) this.#takenAtMs.delete(id);
    }
    this.#byImage.set(
      image,
      ids.filter((id) => !this.#takenAtMs.has(id)),
    );
  }

  /** One of the image, once. */
  take(image: string): SandboxId | undefined {
    const id = this.#byImage.get(image)?.shift();
    if (id !== undefined) this.#takenAtMs.set(id, this.#clock());
    return id;
  }
}
