import { rmdirSync } from "node:fs";
import { join } from "node:path";
import type { EngineImageId, EngineImageRequest } from "@dormouse/schema";
import { gatherBases } from "./base-images.ts";
import { type BoxDeps, runInBox } from "./box.ts";
import { boxFiles, type BoxFiles, prepareBoxFiles, removeBoxFiles } from "./box-files.ts";
import { buildCommand } from "./build-command.ts";
import { buildFailure } from "./build-failure.ts";
import type { BuildImages } from "./build-images.ts";
import type { BuildLog } from "./build-log.ts";
import type { BuildPolicy } from "./build-policy.ts";
import type { BuildFiles } from "./build-records.ts";
import type { ContextFiles } from "./context-files.ts";
import { parseDockerfile, renderDockerfile } from "./dockerfile.ts";
import { withScopeCache } from "./scope-cache.ts";

export interface RunDeps extends BoxDeps {
  readonly images: BuildImages;
  /** The compiled sandbox-api executable. */
  readonly agentFile: string;
  readonly policy: BuildPolicy;
}

export interface BuildRun {
  readonly id: EngineImageId;
  readonly request: EngineImageRequest;
  /** Undefined for an image that is only pulled. */
  readonly context: ContextFiles | undefined;
  readonly files: BuildFiles;
  readonly log: BuildLog;
  readonly signal: AbortSignal;
}

export interface MadeImage {
  readonly sizeBytes: number;
}

/**
 * Makes the image and puts it into the store. When this settles nothing of it runs, is mounted or lies about but in its own folder.
 * @throws BUILD_FAILED, and what pulling fails with; what `signal` is aborted with
 */
export async function runBuild(deps: RunDeps, run: BuildRun): Promise<MadeImage> {
  const { id, request, context, files, log, signal } = run;
  if (request.source.kind === "registry") {
    const { reference } = request.source;
    const layoutDir = join(files.bases, "0");
    await deps.images.pull({ reference, credentials: request.credentials, layoutDir, log, signal });
    return deps.images.take(id, { layoutDir, signal });
  }
  if (context === undefined) throw new TypeError("Cannot build without a context");
  return buildContext(deps, run, context);
}

async function buildContext(deps: RunDeps, run: BuildRun, context: ContextFiles): Promise<MadeImage> {
  const { id, request, files, log, signal } = run;
  const { layout, policy, images } = deps;
  const buildArgs = { ...context.buildArgs, ...request.buildArgs };
  const dockerfile = parseDockerfile(context.dockerfile, buildArgs);
  const bases = await gatherBases(deps, {
    references: dockerfile.images,
    credentials: { ...context.credentials, ...request.credentials },
    basesDir: files.bases,
    log,
    signal,
  });
  const box = boxFiles(layout.buildRunDir(id));
  const imageFile = layout.buildCacheFile(request.cacheScope);
  const cache = { imageFile, maxSizeMiB: policy.diskMiB, target: box.storage };
  const input = {
    contextDir: files.context,
    basesDir: files.bases,
    dockerfile: renderDockerfile(dockerfile, (reference) => bases.get(reference)?.name ?? reference),
    secrets: buildArgs,
  };
  try {
    return await withScopeCache(cache, async () => {
      const command = buildCommand({ bases: [...bases.values()], buildArgs });
      await runBox(deps, { ...run, box, command }, () => prepareBoxFiles(box, input));
      log.line("Taking the image into the store");
      return images.take(id, { layoutDir: box.output, signal });
    });
  } finally {
    rmdirSync(box.runDir);
  }
}

interface BoxedBuild extends BuildRun {
  readonly box: BoxFiles;
  readonly command: readonly string[];
}

async function runBox(deps: RunDeps, build: BoxedBuild, prepare: () => void): Promise<void> {
  const { id, box, command, log, signal } = build;
  const { memoryMiB } = deps.policy;
  try {
    prepare();
    const end = await runInBox(deps, { id, files: box, command, limits: deps.policy, log, signal });
    if (end.exitCode !== 0) throw buildFailure({ ...end, tail: log.tail, memoryMiB });
  } finally {
    removeBoxFiles(box);
  }
}
