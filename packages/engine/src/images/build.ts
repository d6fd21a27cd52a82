import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { AppError } from "@dormouse/kernel";
import { z } from "zod";
import { importImage, type ImportedLayer } from "./import.ts";
import { parseImageReference } from "./reference.ts";
import { ImageConfig, type TaggedImage } from "./manifest.ts";

export interface BuildRequest {
  /** Folder of the recipes: `<recipesDir>/<name>/{build.sh,config.json}`. */
  readonly recipesDir: string;
  readonly name: string;
  /** What the image is called here, `name[:tag]`; the recipe's name when absent. */
  readonly reference?: string;
  readonly imagesDir: string;
  /** Where built layers are kept for the next data folder of this machine. */
  readonly cacheDir: string;
}

/** Beside the recipes: what their scripts share. */
const SHARED_SCRIPT = "common.sh";

/** A recipe's `config.json`: how its image starts. */
const RecipeConfig = z.looseObject({
  /** The recipe this one adds a layer to. What is not said here is as there, and its variables hold here too. */
  from: z.string().optional(),
  env: ImageConfig.shape.env,
});

interface BuiltRecipe {
  /** Topmost first. */
  readonly layers: readonly ImportedLayer[];
  readonly config: ImageConfig;
}

type Recipes = Pick<BuildRequest, "recipesDir" | "cacheDir">;

/**
 * Builds one of our own images, or takes it from the cache when its recipe and those below it have not changed, and tags it.
 * The recipe's progress lines go to standard error. @throws INVALID_ARGUMENT when there is no such recipe; INVALID_IMAGE
 */
export async function buildImage({
  name,
  reference = name,
  imagesDir,
  ...recipes
}: BuildRequest): Promise<TaggedImage> {
  const called = parseImageReference(reference);
  return importImage({ imagesDir, ...called, ...(await buildRecipe(name, recipes)) });
}

async function buildRecipe(name: string, recipes: Recipes): Promise<BuiltRecipe> {
  const recipeDir = findRecipe(name, recipes.recipesDir);
  const { from, ...own } = RecipeConfig.parse(JSON.parse(readFileSync(join(recipeDir, "config.json"), "utf8")));
  const base = from === undefined ? null : await buildRecipe(from, recipes);
  const below = base?.layers ?? [];
  const digest = `${name}-${recipeHash(recipeDir, below)}`;
  const rootDir = join(recipes.cacheDir, digest);
  if (!existsSync(rootDir)) await runRecipe(join(recipeDir, "build.sh"), { rootDir, below });
  const config = ImageConfig.parse({ ...base?.config, ...own, env: { ...base?.config.env, ...own.env } });
  return { layers: [{ digest, rootDir }, ...below], config };
}

function findRecipe(name: string, recipesDir: string): string {
  const recipeDir = join(recipesDir, name);
  if (/^[a-z0-9-]+$/.test(name) && existsSync(join(recipeDir, "build.sh"))) return recipeDir;
  throw new AppError("INVALID_ARGUMENT", `Cannot build image "${name}": there is no recipe for it`, {
    hint: `Recipes: ${recipeNames(recipesDir).join(", ")}`,
  });
}

/** Shows the layers below at `$2` while the recipe `$1` runs, which then writes to `$3` alone. */
const RUN_ON_LAYERS = `
  mount -t overlay overlay -o "lowerdir=$4,upperdir=$3,workdir=$3.work,redirect_dir=off,metacopy=off" "$2"
  exec sh "$1" "$2"`;

interface RecipeRun {
  /** Where the layer is to be. */
  readonly rootDir: string;
  readonly below: readonly ImportedLayer[];
}

async function runRecipe(script: string, { rootDir, below }: RecipeRun): Promise<void> {
  const partial = `${rootDir}.${process.pid}`;
  const [layer, work, shown] = [join(partial, "layer"), join(partial, "layer.work"), join(partial, "root")];
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  if (below.length > 0) for (const dir of [layer, work, shown]) mkdirSync(dir);
  const lower = below.map((built) => built.rootDir).join(":");
  // Mounts of the recipe are in a namespace of its own and end with it, also when it is killed.
  const command = below.length === 0 ? [script, layer] : ["-euc", RUN_ON_LAYERS, "sh", script, shown, layer, lower];
  const build = Bun.spawn(["unshare", "--mount", "sh", ...command], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  try {
    if ((await build.exited) !== 0) throw failedBuild(script, build.exitCode);
    await rename(layer, rootDir);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

const failedBuild = (script: string, exitCode: number | null): AppError =>
  new AppError("INTERNAL", `Cannot build an image: "${script}" exited with ${exitCode}`, {
    hint: "Its output above says why; the package registries must be reachable",
  });

/** What is said of the image to people; it makes no difference to what is in it. */
const HUB_FILE = "hub.json";

/** Changes with any other file of the recipe, with what recipes share, and with any layer below it. */
function recipeHash(recipeDir: string, below: readonly ImportedLayer[]): string {
  const hash = createHash("sha256");
  for (const file of filesOf(recipeDir)) hash.update(file).update(readFileSync(join(recipeDir, file)));
  const shared = join(recipeDir, "..", SHARED_SCRIPT);
  if (existsSync(shared)) hash.update(readFileSync(shared));
  for (const { digest } of below) hash.update(digest);
  return hash.digest("hex").slice(0, 12);
}

const filesOf = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .filter((file) => file !== HUB_FILE)
    .toSorted();

/** The names there are recipes for. */
export const recipeNames = (recipesDir: string): string[] =>
  readdirSync(recipesDir).filter((name) => existsSync(join(recipesDir, name, "build.sh")));
