import { AppError } from "@dormouse/kernel";
import { type Client, delay, getImage, getSandbox, type Image, type ImageTag } from "@dormouse/sdk";
import type { ResourceEvent, SandboxAnswer } from "@dormouse/schema";
import { BuildLog, type BuildLogOptions } from "./build-log.ts";
import { formatGoDuration } from "./go-duration.ts";

const POLL_MS = 1000;
/** How long a failure that was there before may stand for one of an earlier build. */
const STALE_FAILURE_MS = 15_000;

export interface Watch {
  readonly name: string;
  readonly startedAtMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
  readonly onLine: (line: string) => void;
}

export interface SandboxWatch extends Watch {
  /** True when this deployment builds: an old `DEPLOYED` is then no success. */
  readonly isBuilding: boolean;
  /** What the request that began it was answered: an `UPLOADING` there makes every later status one of this deployment. */
  readonly firstStatus: string;
  readonly onStatus: (status: string) => void;
}

/** Waits until a pushed image is built. @throws {AppError} UNPROCESSABLE when it is not */
export async function watchImage(client: Client, watch: Watch): Promise<Image> {
  return await withBuildLog(client, { ...watch, resourceType: "images" }, async (signal) => {
    const place = { type: "sandbox", name: watch.name };
    return await poll(watch, signal, async () => {
      /* The record may come later than the upload's answer. */
      const image = await getImage(client, place).catch(() => undefined);
      if (image?.metadata.status === "FAILED") throw failed("image build failed", image.metadata.events);
      return image?.metadata.status === "BUILT" ? image : undefined;
    });
  });
}

/** Waits until a sandbox is deployed. @throws {AppError} UNPROCESSABLE when it is not */
export async function watchSandbox(client: Client, watch: SandboxWatch): Promise<SandboxAnswer> {
  const progress = new DeploymentProgress(watch);
  return await withBuildLog(
    client,
    { ...watch, resourceType: "sandboxes" },
    async (signal) =>
      await poll(watch, signal, async () => {
        const sandbox = await getSandbox(client, watch.name).catch(() => undefined);
        return sandbox !== undefined && progress.isDone(sandbox) ? sandbox : undefined;
      }),
  );
}

/** What the statuses of a sandbox mean in the order they come. */
class DeploymentProgress {
  readonly #watch: SandboxWatch;
  #last: string | undefined;
  #hasMoved: boolean;

  constructor(watch: SandboxWatch) {
    this.#watch = watch;
    this.#hasMoved = watch.firstStatus === "UPLOADING";
  }

  /** @throws {AppError} UNPROCESSABLE for a status that ends the deployment badly */
  isDone({ status, events }: SandboxAnswer): boolean {
    const { isBuilding, startedAtMs } = this.#watch;
    if (status !== this.#last) this.#watch.onStatus(status);
    this.#hasMoved ||= this.#last !== undefined && status !== this.#last;
    this.#hasMoved ||= ["UPLOADING", "BUILDING", "DEPLOYING"].includes(status);
    this.#last = status;
    if (status === "DEPLOYED") return !isBuilding || this.#hasMoved;
    if (["DEACTIVATED", "DEACTIVATING", "DELETING", "TERMINATED"].includes(status)) {
      throw failed(`its status is ${status}`, events);
    }
    const isStale = !this.#hasMoved && Date.now() - startedAtMs < STALE_FAILURE_MS;
    if (status === "FAILED" && !isStale) throw failed("deployment failed", events);
    return false;
  }
}

async function withBuildLog<T>(
  client: Client,
  watch: Watch & BuildLogOptions,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const log = new BuildLog(client, watch);
  const isOver = new AbortController();
  const following = log.follow(AbortSignal.any([watch.signal, isOver.signal]));
  try {
    return await wait(watch.signal);
  } finally {
    isOver.abort();
    await following;
    if (!watch.signal.aborted) await log.drain();
  }
}

/** Asks until there is something. @throws what `ask` does, {AppError} SANDBOX_START_TIMEOUT */
async function poll<T>(
  { timeoutMs, pollMs }: Watch,
  signal: AbortSignal,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (performance.now() >= deadlineMs) {
      throw new AppError("SANDBOX_START_TIMEOUT", `build timed out after ${formatGoDuration(timeoutMs)}`, {
        hint: "It goes on without you; wait longer with --timeout",
      });
    }
    await delay(pollMs ?? POLL_MS, signal);
  }
}

/** With what the server says of it. */
function failed(state: string, events: readonly ResourceEvent[]): AppError {
  const message = events.findLast(({ status }) => status === "FAILED")?.message;
  return new AppError("UNPROCESSABLE", message === undefined ? state : `${state}: ${message}`);
}

/** The tag an image was given last. */
export function newestTagOf({ spec }: Image): ImageTag | undefined {
  return spec.tags.toSorted((one, other) => other.createdAt.localeCompare(one.createdAt)).at(0);
}
