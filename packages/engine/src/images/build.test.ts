import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildImage } from "./build.ts";
import type { ImageConfig } from "./store.ts";

/** Recipes of two images in folders of their own: `base`, and `app`, which begins with it. */
function twoRecipes() {
  const dir = mkdtempSync(join(tmpdir(), "dormouse-recipes-"));
  const recipesDir = join(dir, "recipes");
  const writeRecipe = (name: string, script: string, config: Partial<ImageConfig> & { from?: string }): void => {
    mkdirSync(join(recipesDir, name), { recursive: true });
    writeFileSync(join(recipesDir, name, "build.sh"), `set -eu\n${script}\n`);
    writeFileSync(join(recipesDir, name, "config.json"), JSON.stringify(config));
  };
  const base = { workingDir: "/work", env: { COLOUR: "green", SIZE: "small" } };
  writeRecipe("base", 'mkdir "$1"; echo first > "$1/file"', base);
  writeRecipe("app", 'echo second >> "$1/file"', { from: "base", env: { COLOUR: "blue" } });
  return {
    writeRecipe,
    build: (name: string) =>
      buildImage({ recipesDir, name, imagesDir: join(dir, "images"), cacheDir: join(dir, "cache") }),
    read: (layer: string) => readFileSync(join(dir, "images/layers", layer, "file"), "utf8"),
    cached: () => readdirSync(join(dir, "cache")),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

test("a recipe begins with the files, the environment and the working directory of the one it names", async () => {
  using recipes = twoRecipes();
  const app = await recipes.build("app");
  expect(app.config).toMatchObject({ workingDir: "/work", env: { COLOUR: "blue", SIZE: "small" } });
  expect(recipes.read(app.layers[0] ?? "")).toBe("first\nsecond\n");
  expect(recipes.read((await recipes.build("base")).layers[0] ?? "")).toBe("first\n");
});

test("an image is built again when its recipe or the one it begins with changes, and only then", async () => {
  using recipes = twoRecipes();
  const first = await recipes.build("app");
  expect((await recipes.build("app")).layers).toEqual(first.layers);
  expect(recipes.cached()).toHaveLength(2);
  recipes.writeRecipe("base", 'mkdir "$1"; echo third > "$1/file"', {});
  const second = await recipes.build("app");
  expect(recipes.read(second.layers[0] ?? "")).toBe("third\nsecond\n");
  expect(recipes.cached()).toHaveLength(4);
});

test("a recipe that fails leaves nothing that would be taken for its image", async () => {
  using recipes = twoRecipes();
  recipes.writeRecipe("app", "exit 3", { from: "base" });
  expect((await recipes.build("app").catch(String)) as unknown).toContain("exited with 3");
  expect(recipes.cached().filter((name) => name.startsWith("app"))).toEqual([]);
});
