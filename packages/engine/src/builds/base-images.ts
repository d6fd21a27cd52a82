import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { RegistryCredentials } from "@dormouse/schema";
import type { Layout } from "../layout.ts";
import { runCommand } from "../run-command.ts";
import { MAPPED_ROOT_ID } from "../user-namespace.ts";
import { agentKey, isAgentImage, writeAgentLayout } from "./agent-layout.ts";
import type { BaseImage } from "./build-command.ts";
import type { BuildLog } from "./build-log.ts";
import type { BuildImages } from "./build-images.ts";
import { completeHistory } from "./image-history.ts";
import { linkCachedLayout } from "./layout-cache.ts";

export interface BaseDeps {
  readonly images: BuildImages;
  readonly agentFile: string;
  readonly layout: Pick<Layout, "buildCachesDir">;
}

export interface BaseRequest {
  /** As the Dockerfile calls them. */
  readonly references: readonly string[];
  readonly credentials: RegistryCredentials;
  /** Where their OCI layouts go. */
  readonly basesDir: string;
  readonly log: BuildLog;
  readonly signal: AbortSignal;
}

const PUBLIC_PREFIX = /^blaxel\//;

/**
 * Gathers the images a Dockerfile builds on: our agent, our public images, and what registries have. Answers what the Dockerfile is to
 * call each. @throws BUILD_FAILED, and what pulling an image fails with
 */
export async function gatherBases(deps: BaseDeps, request: BaseRequest): Promise<ReadonlyMap<string, BaseImage>> {
  const bases = new Map<string, BaseImage>();
  for (const [index, reference] of request.references.entries()) {
    const folder = String(index);
    const layoutDir = join(request.basesDir, folder);
    await gather(deps, request, { reference, layoutDir });
    await completeHistory(layoutDir);
    bases.set(reference, { folder, name: storageName(deps, reference) });
  }
  await runCommand([
    "chown",
    "--recursive",
    "--no-dereference",
    `${MAPPED_ROOT_ID}:${MAPPED_ROOT_ID}`,
    request.basesDir,
  ]);
  return bases;
}

interface Place {
  readonly reference: string;
  readonly layoutDir: string;
}

async function gather(deps: BaseDeps, request: BaseRequest, { reference, layoutDir }: Place): Promise<void> {
  const { images, agentFile } = deps;
  const { signal, log } = request;
  const cachesDir = deps.layout.buildCachesDir();
  if (isAgentImage(reference)) {
    const make = (dir: string): Promise<void> => writeAgentLayout(agentFile, dir);
    return linkCachedLayout({ cachesDir, key: agentKey(agentFile), make }, layoutDir);
  }
  if (PUBLIC_PREFIX.test(reference)) return linkPublic(deps, { reference, layoutDir });
  log.line(`Getting "${reference}"`);
  try {
    await images.pull({ ...request, reference, layoutDir });
  } catch (error) {
    if (signal.aborted || !images.hasPublic(reference)) throw error;
    log.line(`No registry has "${reference}": it is one of this machine's own images`);
    await rm(layoutDir, { recursive: true, force: true });
    await linkPublic(deps, { reference, layoutDir });
  }
}

async function linkPublic({ images, layout }: BaseDeps, { reference, layoutDir }: Place): Promise<void> {
  const { key, write } = images.publicLayout(reference);
  await linkCachedLayout({ cachesDir: layout.buildCachesDir(), key, make: write }, layoutDir);
}

/** Images that are called by their content keep no such name when they are converted. */
function storageName({ images }: BaseDeps, reference: string): string {
  if (!reference.includes("@")) return images.fullName(reference);
  return `localhost/base:${createHash("sha256").update(reference).digest("hex").slice(0, 12)}`;
}
