import { AppError } from "@dormouse/kernel";
import type { EngineImageId, EngineImageRequest, EngineImageState } from "@dormouse/schema";

interface Build {
  readonly request: EngineImageRequest;
  readonly context: string;
  state: EngineImageState;
  readonly ended: PromiseWithResolvers<void>;
}

/** Image builds without a builder: a test says how each ends, or lets all succeed at once. */
export class MemoryBuilds {
  readonly #builds = new Map<string, Build>();
  /** False: builds stay in `building` until `finish` or `fail`. */
  endAtOnce = true;

  /** Takes any text for a context, but `broken`, which is no ZIP file, and `failing`, whose build fails. */
  async begin(id: EngineImageId, request: EngineImageRequest, context: string): Promise<void> {
    if (this.#builds.has(id))
      throw new AppError("IMAGE_ALREADY_EXISTS", `Cannot build image "${id}": it exists already`);
    if (context === "broken") throw new AppError("INVALID_ARGUMENT", "Cannot build the image: it is no ZIP file");
    const state: EngineImageState = { id, status: "building", sizeBytes: 0, startedAtMs: Date.now() };
    this.#builds.set(id, { request, context, state, ended: Promise.withResolvers() });
    if (!this.endAtOnce) return;
    if (context === "failing") this.fail(id);
    else this.finish(id);
  }

  finish(id: EngineImageId, more: Partial<EngineImageState> = {}): void {
    this.#settle(id, { status: "ready", sizeBytes: 1000, ...more });
  }

  fail(id: EngineImageId): void {
    this.#settle(id, {
      status: "failed",
      failure: { code: "BUILD_FAILED", message: 'Cannot build the image: "RUN false" exited with 1' },
    });
  }

  request(id: EngineImageId): EngineImageRequest {
    return this.#find(id).request;
  }

  ids(): EngineImageId[] {
    return [...this.#builds.values()].map(({ state }) => state.id);
  }

  isReady(id: string): boolean {
    return this.#builds.get(id)?.state.status === "ready";
  }

  state(id: EngineImageId): EngineImageState {
    return this.#find(id).state;
  }

  async end(id: EngineImageId): Promise<EngineImageState> {
    await this.#find(id).ended.promise;
    return this.#find(id).state;
  }

  log(id: EngineImageId): string {
    return `2026-01-01T00:00:00.000Z STEP 1/2: FROM scratch\n2026-01-01T00:00:01.000Z ${this.#find(id).context}\n`;
  }

  remove(id: EngineImageId): void {
    this.#builds.get(id)?.ended.resolve();
    this.#builds.delete(id);
  }

  #settle(id: EngineImageId, end: Partial<EngineImageState>): void {
    const build = this.#find(id);
    build.state = { ...build.state, endedAtMs: Date.now(), ...end };
    build.ended.resolve();
  }

  #find(id: EngineImageId): Build {
    const build = this.#builds.get(id);
    if (build === undefined)
      throw new AppError("IMAGE_NOT_FOUND", `Cannot find image "${id}": the engine does not have it`);
    return build;
  }
}
