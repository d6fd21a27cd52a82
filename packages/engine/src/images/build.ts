import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { z } from "zod";
import { runCommand } from "../run-command.ts";
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

/** `config.json` of a recipe: how its image starts, and whose files and environment it begins with. */
const RecipeConfig = z.looseObject({
  from: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
});

interface BuiltRoot {
  readonly digest: string;
  readonly rootDir: string;
  readonly config: ImageConfig;
}

/**
 * Builds one of our own images, or takes it from the cache when its recipe and those it begins with have not changed, and tags
 * it `latest`. The recipe's progress lines go to standard error. @throws INVALID_ARGUMENT when there is no such recipe
 */
export async function buildImage({ recipesDir, name, imagesDir, cacheDir }: BuildRequest): Promise<ImageManifest> {
  const built = await buildRoot({ recipesDir, name, cacheDir });
  return importImage({ imagesDir, name, tag: "latest", ...built });
}

async function buildRoot(request: Omit<BuildRequest, "imagesDir">): Promise<BuiltRoot> {
  const { recipesDir, name, cacheDir } = request;
  const recipeDir = join(recipesDir, name);
  const script = join(recipeDir, "build.sh");
  if (!/^[a-z0-9-]+$/.test(name) || !existsSync(script)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot build image "${name}": there is no recipe for it`, {
      hint: `Recipes: ${readdirSync(recipesDir).join(", ")}`,
    });
  }
  const { from, ...own } = RecipeConfig.parse(JSON.parse(readFileSync(join(recipeDir, "config.json"), "utf8")));
  const base = from === undefined ? undefined : await buildRoot({ ...request, name: from });
  const digest = `${name}-${recipeHash(recipeDir, base?.digest)}`;
  const rootDir = join(cacheDir, digest);
  if (!existsSync(rootDir)) await runRecipe(script, rootDir, base?.rootDir);
  const config = ImageConfig.parse({ ...base?.config, ...own, env: { ...base?.config.env, ...own.env } });
  return { digest, rootDir, config };
}

/** The script finds a copy of the base's files in its folder: it may change files in place, and the base stays as it is. */
async function runRecipe(script: string, rootDir: string, baseDir: string | undefined): Promise<void> {
  const partial = `${rootDir}.${process.pid}`;
  mkdirSync(join(rootDir, ".."), { recursive: true, mode: 0o700 });
  if (baseDir !== undefined) await runCommand(["cp", "-a", "--reflink=auto", baseDir, partial]);
  const build = Bun.spawn(["sh", script, partial], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  if ((await build.exited) !== 0) {
    await rm(partial, { recursive: true, force: true });
    throw new AppError("INTERNAL", `Cannot build an image: "${script}" exited with ${build.exitCode}`, {
      hint: "Its output above says why; the package registries must be reachable",
    });
  }
  await rm(rootDir, { recursive: true, force: true });
  await rename(partial, rootDir);
}

function recipeHash(recipeDir: string, baseDigest = ""): string {
  const hash = createHash("sha256").update(baseDigest);
  for (const file of readdirSync(recipeDir).toSorted()) hash.update(file).update(readFileSync(join(recipeDir, file)));
  return hash.digest("hex").slice(0, 12);
}
