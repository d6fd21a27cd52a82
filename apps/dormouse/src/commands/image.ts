import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildImage } from "@dormouse/engine";
import type { Config } from "../config.ts";
import { dataFiles, openInstallation } from "../installation.ts";

/**
 * Builds one of our images into the data folder's store, called `reference` there; a minute the first time on a machine, then
 * a second.
 */
export async function runImageBuild(name: string, config: Config, reference: string = name): Promise<void> {
  const startedAtMs = performance.now();
  const { recipesDir } = await openInstallation(config);
  const image = await buildImage({
    recipesDir,
    name,
    reference,
    imagesDir: dataFiles(config.dataDir).imagesDir,
    cacheDir: join(config.cacheDir, "images"),
  });
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  process.stderr.write(
    `dormouse: image ${image.name}:${image.tag}, ${Math.round(image.sizeBytes / 1e6)} MB, ready in ${seconds} s\n`,
  );
}

/** Builds the image only when the data folder has none of that name. */
export async function ensureImage(name: string, config: Config): Promise<void> {
  if (existsSync(join(dataFiles(config.dataDir).imagesDir, "tags", name, "latest.json"))) return;
  await runImageBuild(name, config);
}
