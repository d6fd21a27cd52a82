import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildImage, type ImageConfig, importImage, runCommand } from "../src/index.ts";

const RECIPES_DIR = join(import.meta.dir, "../../../images");
const CACHE_DIR = "/var/cache/dormouse/images";

export async function addBaseImage(dataDir: string): Promise<void> {
  await buildImage({
    recipesDir: RECIPES_DIR,
    name: "base-image",
    imagesDir: join(dataDir, "images"),
    cacheDir: CACHE_DIR,
  });
}

/** An image of one static binary: no libc, no package manager, and a shell only when asked for. */
export async function addScratchImage(dataDir: string, options: { readonly hasShell: boolean }): Promise<string> {
  const name = options.hasShell ? "busybox" : "scratch";
  await addImage(dataDir, name, (root) => {
    mkdirSync(join(root, "bin"));
    copyFileSync("/bin/busybox", join(root, "bin/busybox"));
    chmodSync(join(root, "bin/busybox"), 0o755);
    if (options.hasShell)
      for (const tool of ["sh", "cat", "id", "sleep", "echo"]) symlinkSync("busybox", join(root, "bin", tool));
  });
  return name;
}

/** An image whose programs need musl, with one that says so. */
export async function addMuslImage(dataDir: string): Promise<string> {
  await addImage(dataDir, "musl", async (root) => {
    for (const dir of ["bin", "lib", "etc"]) mkdirSync(join(root, dir));
    copyFileSync("/bin/busybox", join(root, "bin/busybox"));
    symlinkSync("busybox", join(root, "bin/sh"));
    copyFileSync("/lib/x86_64-linux-musl/libc.so", join(root, "lib/ld-musl-x86_64.so.1"));
    chmodSync(join(root, "lib/ld-musl-x86_64.so.1"), 0o755);
    const source = join(root, "hello.c");
    writeFileSync(source, '#include <stdio.h>\nint main(void) { puts("hello from musl"); return 0; }\n');
    await runCommand(["musl-gcc", "-o", join(root, "bin/hello"), source]);
  });
  return "musl";
}

/** Tags a folder that `fill` writes as an image of a data folder. */
export async function addImage(
  dataDir: string,
  name: string,
  fill: (root: string) => void | Promise<void>,
  config: Partial<ImageConfig> = {},
): Promise<void> {
  const rootDir = mkdtempSync(join(tmpdir(), "dormouse-image-"));
  chmodSync(rootDir, 0o755);
  try {
    await fill(rootDir);
    await importImage({
      imagesDir: join(dataDir, "images"),
      name,
      tag: "latest",
      layers: [{ digest: `test-${name}`, rootDir }],
      config: { entrypoint: [], cmd: [], env: {}, workingDir: "/", user: "", ...config },
    });
  } finally {
    rmSync(rootDir, { recursive: true, force: true });
  }
}
