import { appendFileSync } from "node:fs";
import { AppError, faultPoint, toAppError } from "@dormouse/kernel";
import type { EngineImageId, EngineImagePort, EngineImageRequest, EngineImageState } from "@dormouse/schema";
import { endProcesses } from "../cgroups.ts";
import { syncToDisk } from "../disk-sync.ts";
import { BuildLog, readLog } from "./build-log.ts";
import { BuildRecords } from "./build-records.ts";
import type { ContextFiles } from "./context-files.ts";
import { removeCachedLayouts } from "./layout-cache.ts";
import { receiveContext } from "./receive-context.ts";
import { collectScopeCaches } from "./scope-cache.ts";
import { runBuild, type RunDeps } from "./run-build.ts";

export interface ImageBuildsDeps extends RunDeps {
  /** Whether the machine has room for one more build. @throws HOST_FULL */
  readonly assertRoom: () => void;
  /** Is told of failures that no user can mend. */
  readonly report: (error: AppError) => void;
}

interface Build {
  readonly id: EngineImageId;
  readonly request: EngineImageRequest;
  readonly context: ContextFiles | undefined;
  readonly log: BuildLog;
  isRunning: boolean;
  isRemoved: boolean;
  readonly ending: AbortController;
  readonly ended: PromiseWithResolvers<void>;
}

type BuildPort = Pick<EngineImagePort, "buildImage" | "image" | "waitForImage" | "imageLog" | "removeImage">;
type Outcome = Pick<EngineImageState, "status" | "failure"> & Partial<EngineImageState>;

/**
 * Images on their way, from the request to the store. What became of each is on the disk; one that waits or runs is known to this
 * process alone, so it has failed when the process ends.
 */
export class ImageBuilds implements BuildPort, AsyncDisposable {
  readonly #deps: ImageBuildsDeps;
  readonly #records: BuildRecords;
  /** Those that wait or run, in arrival order. */
  readonly #builds = new Map<EngineImageId, Build>();
  /** What ends those whose context is still coming. */
  readonly #uploads = new Map<EngineImageId, AbortController>();
  #isClosed = false;

  constructor(deps: ImageBuildsDeps) {
    this.#deps = deps;
    this.#records = new BuildRecords(deps.layout.buildsDir());
  }

  /** Ends what an earlier engine left running, and has each build that was cut off fail. */
  async recover(): Promise<void> {
    const { cgroups } = this.#deps;
    for (const group of cgroups.ids()) if (group.startsWith("build-")) await endProcesses(cgroups, group);
    for (const id of this.#records.ids()) await this.#recoverOne(id);
  }

  async #recoverOne(id: EngineImageId): Promise<void> {
    const state = this.#records.find(id);
    if (state === undefined) return this.#records.remove(id);
    if (state.status === "ready" || state.status === "failed") return;
    this.#deps.images.forget(id);
    appendFileSync(this.#records.files(id).log, `${new Date().toISOString()} ${interrupted().message}\n`, {
      mode: 0o600,
    });
    await this.#settle(id, { status: "failed", failure: failureOf(interrupted()) });
  }

  async buildImage(
    id: EngineImageId,
    request: EngineImageRequest,
    archive?: ReadableStream<Uint8Array>,
  ): Promise<void> {
    this.#deps.assertRoom();
    const files = this.#records.begin(id);
    const upload = new AbortController();
    this.#uploads.set(id, upload);
    try {
      const given = { files, agentFile: this.#deps.agentFile, maxMiB: this.#deps.policy.contextMiB };
      const body = { archive: archive ?? new Blob([]).stream(), signal: upload.signal };
      const context = request.source.kind === "context" ? await receiveContext({ ...given, ...body }) : undefined;
      upload.signal.throwIfAborted();
      this.#enqueue({ id, request, context });
    } catch (error) {
      await this.#records.remove(id);
      throw error;
    } finally {
      this.#uploads.delete(id);
    }
    this.#startNext();
  }

  async image(id: EngineImageId): Promise<EngineImageState> {
    return this.#records.read(id);
  }

  async waitForImage(id: EngineImageId): Promise<EngineImageState> {
    const build = this.#builds.get(id);
    await build?.ended.promise;
    if (build?.isRemoved === true) throw removed(id);
    return this.#records.read(id);
  }

  async imageLog(
    id: EngineImageId,
    { fromByte, follow }: { readonly fromByte: number; readonly follow: boolean },
  ): Promise<ReadableStream<Uint8Array>> {
    this.#records.read(id);
    return readLog(this.#records.files(id).log, fromByte, follow ? this.#builds.get(id)?.log : undefined);
  }

  async removeImage(id: EngineImageId): Promise<void> {
    this.#uploads.get(id)?.abort(removed(id));
    const build = this.#builds.get(id);
    if (build !== undefined) await this.#endRemoved(build);
    this.#deps.images.forget(id);
    await this.#records.remove(id);
  }

  /** Erases the caches of scopes that have no image any more and build none; resolves with how many bytes of disk they had. */
  async collectCaches(): Promise<number> {
    const { layout, images } = this.#deps;
    if (this.#builds.size === 0) await removeCachedLayouts(layout.buildCachesDir());
    const busy = new Set([...this.#builds.values()].map(({ request }) => request.cacheScope));
    return collectScopeCaches(layout, (scope, ids) => busy.has(scope) || ids.some((id) => images.has(id)));
  }

  async #endRemoved(build: Build): Promise<void> {
    const reason = removed(build.id);
    build.isRemoved = true;
    build.ending.abort(reason);
    if (!build.isRunning) await this.#end(build, { status: "failed", failure: failureOf(reason) });
    await build.ended.promise;
  }

  /** Interrupts all of them; those that wait are found so by the next engine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const upload of this.#uploads.values()) upload.abort(interrupted());
    const running = [...this.#builds.values()].filter(({ isRunning }) => isRunning);
    for (const { ending } of running) ending.abort(interrupted());
    await Promise.all(running.map(({ ended }) => ended.promise));
  }

  #enqueue({ id, request, context }: Pick<Build, "id" | "request" | "context">): void {
    const blaxelToml = context?.blaxelToml;
    this.#records.write({ id, status: "queued", sizeBytes: 0, ...(blaxelToml !== undefined && { blaxelToml }) });
    faultPoint("engine.build.queued");
    const logins = [request.credentials, context?.credentials ?? {}].flatMap((registries) => Object.values(registries));
    const log = new BuildLog({
      file: this.#records.files(id).log,
      maxBytes: this.#deps.policy.logMaxBytes,
      hidden: [...logins.map(({ password }) => password), ...Object.values(context?.secretArgs ?? {})],
    });
    const [ending, ended] = [new AbortController(), Promise.withResolvers<void>()];
    this.#builds.set(id, { id, request, context, log, isRunning: false, isRemoved: false, ending, ended });
  }

  /** As many as may run, in arrival order, but of each cache scope one. */
  #startNext(): void {
    const running = [...this.#builds.values()].filter(({ isRunning }) => isRunning);
    if (this.#isClosed || running.length >= this.#deps.policy.parallelCount) return;
    const busy = new Set(running.map(({ request }) => request.cacheScope));
    const next = [...this.#builds.values()].find(
      ({ isRunning, request }) => !isRunning && !(request.source.kind === "context" && busy.has(request.cacheScope)),
    );
    if (next === undefined) return;
    next.isRunning = true;
    void this.#runToEnd(next);
    this.#startNext();
  }

  async #runToEnd(build: Build): Promise<void> {
    await this.#end(build, await this.#run(build));
  }

  async #run(build: Build): Promise<Outcome> {
    const { id, ending } = build;
    const { timeoutMs } = this.#deps.policy;
    const timer = setTimeout(() => ending.abort(tooSlow(timeoutMs)), timeoutMs);
    try {
      this.#records.write({ ...this.#records.read(id), status: "building", startedAtMs: Date.now() });
      faultPoint("engine.build.begun");
      this.#deps.assertRoom();
      const { sizeBytes } = await runBuild(this.#deps, {
        ...build,
        files: this.#records.files(id),
        signal: ending.signal,
      });
      faultPoint("engine.build.stored");
      return { status: "ready", sizeBytes };
    } catch (thrown) {
      return { status: "failed", failure: failureOf(this.#explain(thrown)) };
    } finally {
      clearTimeout(timer);
    }
  }

  /** What went wrong between this machine and itself is none of its user's business. */
  #explain(thrown: unknown): AppError {
    const error = toAppError(thrown);
    if (error.code !== "INTERNAL") return error;
    this.#deps.report(error);
    return new AppError("INTERNAL", "Cannot build the image: an unexpected error occurred");
  }

  /** Also where the disk takes no more records: the next engine then finds the build interrupted. */
  async #end({ id, log, ended }: Build, outcome: Outcome): Promise<void> {
    await this.#settle(id, outcome).catch((error: unknown) => this.#deps.report(toAppError(error)));
    log[Symbol.dispose]();
    this.#builds.delete(id);
    ended.resolve();
    this.#startNext();
  }

  async #settle(id: EngineImageId, outcome: Outcome): Promise<void> {
    await this.#records.removeInput(id);
    this.#records.write({ ...this.#records.read(id), ...outcome, endedAtMs: Date.now() });
    await syncToDisk(this.#records.files(id).state);
  }
}

const removed = (id: EngineImageId): AppError =>
  new AppError("IMAGE_NOT_FOUND", `Cannot build image "${id}": it was removed meanwhile`);

const interrupted = (): AppError =>
  new AppError("BUILD_INTERRUPTED", "Cannot build the image: the engine was stopped meanwhile", {
    hint: "Build it again",
  });

const tooSlow = (timeoutMs: number): AppError =>
  new AppError("BUILD_TIMEOUT", `Cannot build the image: it is not done after ${Math.round(timeoutMs / 1000)} s`, {
    hint: "Do less in its steps, or raise DORMOUSE_BUILD_TIMEOUT_S",
  });

const failureOf = ({ code, message, hint }: AppError): EngineImageState["failure"] => ({
  code,
  message,
  ...(hint !== undefined && { hint }),
});
