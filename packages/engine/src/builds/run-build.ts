import { constants, lstatSync, rmdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { EngineImageId, EngineImageRequest } from "@dormouse/schema";
import { gatherBases } from "./base-images.ts";
import { type BoxDeps, runInBox } from "./box.ts";
import { boxFiles, type BoxFiles, type BoxInput, removeBoxFiles } from "./box-files.ts";
import { type BaseImage, buildCommand } from "./build-command.ts";
import { buildFailure } from "./build-failure.ts";
import type { BuildImages } from "./build-images.ts";
import type { BuildLog } from "./build-log.ts";
import type { BuildPolicy } from "./build-policy.ts";
import type { BuildFiles } from "./build-records.ts";
import type { ContextFiles } from "./context-files.ts";
import { parseDockerfile, renderDockerfile } from "./dockerfile.ts";
import { withScopeCache } from "./scope-cache.ts";
import { type BuiltId, parseBuiltId, readScopeImages, rememberScopeImage } from "./scope-images.ts";

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
  return buildContext(deps, { ...run, context });
}

interface ContextRun extends BuildRun {
  readonly context: ContextFiles;
}

async function buildContext(deps: RunDeps, run: ContextRun): Promise<MadeImage> {
  const { id, request, context, files, log, signal } = run;
  const buildArgs = { ...context.buildArgs, ...request.buildArgs };
  const dockerfile = parseDockerfile(context.dockerfile, buildArgs);
  const bases = await gatherBases(deps, {
    references: dockerfile.images,
    credentials: { ...context.credentials, ...request.credentials },
    basesDir: files.bases,
    log,
    signal,
  });
  const rendered = renderDockerfile(dockerfile, (reference) => bases.get(reference)?.name ?? reference);
  const box = boxFiles(deps.layout.buildRunDir(id));
  try {
    return await buildInBox(deps, { ...run, box, bases: [...bases.values()], dockerfile: rendered, buildArgs });
  } finally {
    rmdirSync(box.runDir);
  }
}

interface BoxedBuild extends BuildRun {
  readonly box: BoxFiles;
  readonly bases: readonly BaseImage[];
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
}

async function buildInBox(deps: RunDeps, build: BoxedBuild): Promise<MadeImage> {
  const { id, request, box, dockerfile, buildArgs, files, log, signal } = build;
  const { layout, images, policy } = deps;
  const scopeFile = layout.buildScopeFile(request.cacheScope);
  const earlier = readScopeImages(scopeFile);
  using kept = images.keep([...earlier.values()]);
  const known = new Map([...earlier].filter(([, image]) => kept.has(image)));
  const imageFile = layout.buildCacheFile(request.cacheScope);
  const cache = { imageFile, maxSizeMiB: policy.diskMiB, target: box.storage };
  const { diffIds } = kept;
  const input = { contextDir: files.context, basesDir: files.bases, dockerfile, secrets: buildArgs, diffIds };
  return withScopeCache(cache, async () => {
    await runBox(deps, build, { ...input, knownImages: [...known.keys()] });
    const built = await readBuiltId(box);
    const same = built === undefined ? undefined : known.get(built);
    if (same !== undefined) return kept.again(same, id);
    log.line("Taking the image into the store");
    assertReal(box.layout);
    const made = await images.take(id, { layoutDir: box.layout, signal, had: diffIds });
    if (built !== undefined) rememberScopeImage(scopeFile, built, id);
    return made;
  });
}

async function runBox(deps: RunDeps, build: BoxedBuild, input: BoxInput): Promise<void> {
  const { id, box, log, signal, bases, buildArgs } = build;
  const { policy } = deps;
  try {
    const command = buildCommand({ bases, buildArgs });
    const end = await runInBox(deps, { id, files: box, input, command, limits: policy, log, signal });
    if (end.exitCode !== 0) throw buildFailure({ ...end, tail: log.tail, memoryMiB: policy.memoryMiB });
  } finally {
    removeBoxFiles(box);
  }
}

/** The box could have put a link there, to what the host has elsewhere. @throws BUILD_FAILED */
function assertReal(layoutDir: string): void {
  if (lstatSync(layoutDir, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new AppError("BUILD_FAILED", "Cannot build the image: its build has left none");
}

const BUILT_ID_MAX_BYTES = 80;

/** Whatever the box has put there: it names an image of its own scope or none. */
async function readBuiltId({ imageId }: BoxFiles): Promise<BuiltId | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using file = await open(imageId, flags).catch(() => undefined);
  const buffer = Buffer.alloc(BUILT_ID_MAX_BYTES);
  const read = await file?.read({ buffer }).catch(() => undefined);
  return parseBuiltId(buffer.toString("utf8", 0, read?.bytesRead ?? 0));
}
