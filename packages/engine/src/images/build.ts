import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { importImage } from "./import.ts";
import { ImageConfig, type ImageManifest } from "./store.ts";

export interface BuildRequest {
  /** Folder of the recipes: `<recipesDir>/<name>/{build.sh,config.json}`. */
  readonly recipesDir: string;
  readonly name: string;
  readonly imagesDir: string;
  /** Where built roots are kept for the next data folder of this machine. */
  readonly cacheDir: string;
}

/**
 * Builds one of our own images, or takes it from the cache when its recipe has not changed, and tags it `latest`.
 * The recipe's progress lines go to standard error. @throws INVALID_ARGUMENT when there is no such recipe
 */
export async function buildImage({ recipesDir, name, imagesDir, cacheDir }: BuildRequest): Promise<ImageManifest> {
  const recipeDir = join(recipesDir, name);
  const script = join(recipeDir, "build.sh");
  if (!/^[a-z0-9-]+$/.test(name) || !existsSync(script)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot build image "${name}": there is no recipe for it`, {
      hint: `Recipes: ${readdirSync(recipesDir).join(", ")}`,
    });
  }
  const digest = `${name}-${recipeHash(recipeDir)}`;
  const rootDir = join(cacheDir, digest);
  if (!existsSync(rootDir)) await runRecipe(script, rootDir);
  const config = ImageConfig.parse(JSON.parse(readFileSync(join(recipeDir, "config.json"), "utf8")));
  return importImage({ imagesDir, name, tag: "latest", digest, rootDir, config });
}

async function runRecipe(script: string, rootDir: string): Promise<void> {
  const partial = `${rootDir}.${process.pid}`;
  mkdirSync(join(rootDir, ".."), { recursive: true, mode: 0o700 });
  const build = Bun.spawn(["sh", script, partial], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  if ((await build.exited) !== 0) {
    await rm(partial, { recursive: true, force: true });
    throw new AppError("INTERNAL", `Cannot build an image: "${script}" exited with ${build.exitCode}`, {
      hint: "Its output above says why; the package registries must be reachable",
    });
  }
  await rm(rootDir, { recursive: true, force: true });
  await mkdir(join(rootDir, ".."), { recursive: true });
  await rename(partial, rootDir);
}

function recipeHash(recipeDir: string): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(recipeDir).toSorted()) hash.update(file).update(readFileSync(join(recipeDir, file)));
  return hash.digest("hex").slice(0, 12);
}
