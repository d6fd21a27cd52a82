import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { newSpec, runInside, useEngine } from "../../testkit/index.ts";
import { buildImage } from "./build.ts";

const suite = useEngine();

/** Recipes and their cache in a folder of their own. */
class Recipes implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), "dormouse-recipes-"));

  write(name: string, script: string, config: object): void {
    const dir = join(this.#dir, "recipes", name);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "build.sh"), `set -eu\nroot=$1\necho ${name} >> ${this.#dir}/runs\n${script}\n`);
    writeFileSync(join(dir, "config.json"), JSON.stringify(config));
  }

  describe(name: string, description: string): void {
    writeFileSync(join(this.#dir, "recipes", name, "hub.json"), JSON.stringify({ description }));
  }

  share(script: string): void {
    writeFileSync(join(this.#dir, "recipes", "common.sh"), script);
  }

  build(name: string, reference?: string) {
    return buildImage({
      recipesDir: join(this.#dir, "recipes"),
      name,
      ...(reference !== undefined && { reference }),
      imagesDir: join(suite.data.dir, "images"),
      cacheDir: this.cacheDir,
    });
  }

  get cacheDir(): string {
    return join(this.#dir, "cache");
  }

  /** The recipes that ran, in their order. */
  async runs(): Promise<string[]> {
    return (await Bun.file(join(this.#dir, "runs")).text()).trim().split("\n");
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

const SMALL_ROOT = `
  mkdir -p $root/bin $root/app
  cp /bin/busybox $root/bin/ && for tool in sh cat ls; do ln -s busybox $root/bin/$tool; done
  echo below > $root/app/kept && echo below > $root/app/gone && echo below > $root/app/changed`;

test("a recipe adds a layer to another: what it adds, changes and deletes is so in sandboxes", async () => {
  using recipes = new Recipes();
  recipes.write("small", SMALL_ROOT, { workingDir: "/app", env: { COLOUR: "green", SIZE: "1" } });
  const change = "cat $root/app/kept > $root/app/added; echo above > $root/app/changed; rm $root/app/gone";
  recipes.write("above", change, { from: "small", env: { SIZE: "2" } });
  const image = await recipes.build("above", "my-template:v1");
  expect(image).toMatchObject({ name: "my-template", tag: "v1", layers: [expect.anything(), expect.anything()] });

  const sandbox = await suite.port.create(newSpec({ image: "my-template:v1" }));
  const { stdout } = await runInside(sandbox, "echo $COLOUR $SIZE $PWD; ls; cat /app/added /app/changed");
  expect(stdout).toBe("green 2 /app\nadded\nchanged\nkept\nbelow\nabove\n");
  await suite.port.remove(sandbox.id);
});

test("a recipe runs again when it, the one below it or what they share changes, and only then", async () => {
  using recipes = new Recipes();
  recipes.write("small", SMALL_ROOT, {});
  recipes.write("above", "echo 1 > $root/app/version", { from: "small" });
  await recipes.build("above");
  await recipes.build("above");
  expect(await recipes.runs()).toEqual(["small", "above"]);
  recipes.write("above", "echo 2 > $root/app/version", { from: "small" });
  await recipes.build("above");
  expect((await recipes.runs()).slice(2)).toEqual(["above"]);
  recipes.describe("above", "what the hub says of it changes nothing");
  await recipes.build("above");
  recipes.write("small", `${SMALL_ROOT}\n# changed`, {});
  await recipes.build("above");
  expect((await recipes.runs()).slice(3)).toEqual(["small", "above"]);
  recipes.share("# what recipes share");
  await recipes.build("above");
  expect((await recipes.runs()).slice(5)).toEqual(["small", "above"]);
});

test("a recipe that fails leaves no layer and no mount", async () => {
  using recipes = new Recipes();
  recipes.write("small", SMALL_ROOT, {});
  recipes.write("above", "mount -t tmpfs tmpfs $root/app; false", { from: "small" });
  await expect(recipes.build("above")).rejects.toThrow(/Cannot build an image: ".*above\/build.sh" exited with 1/);
  expect(readdirSync(recipes.cacheDir)).toEqual([expect.stringMatching(/^small-/)]);
  expect(await Bun.file("/proc/self/mounts").text()).not.toContain(recipes.cacheDir);
});
