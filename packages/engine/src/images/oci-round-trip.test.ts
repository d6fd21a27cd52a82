import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ImageTools, newImageId, newSpec, runInside, type TarEntry, useEngine } from "../../testkit/index.ts";
import { runCommand } from "../run-command.ts";
import { exportOciLayout } from "./export-layout.ts";
import { importOciLayout } from "./import-layout.ts";
import type { ImageManifest } from "./manifest.ts";

const suite = useEngine();
let tools: ImageTools;

beforeAll(async () => {
  tools = await ImageTools.open(suite.data.dir);
});
afterAll(async () => {
  await tools[Symbol.asyncDispose]();
});

const folder = (name: string): TarEntry => ({ name: `${name}/`, modifiedAtS: 1_500_000_000 });

/** What lets `cap_net_raw` programs of the file have it: version 2, permitted and effective (capabilities(7)). */
const NET_RAW = Buffer.from("0100000200200000000000000000000000000000", "hex");
const LONG_NAME = `${"long/".repeat(30)}${"x".repeat(120)}`;

const LOWER: readonly TarEntry[] = [
  folder("."),
  ...["bin", "etc", "gone", "hidden", "hidden/deep", "home", "again"].map(folder),
  { name: "bin/busybox", content: readFileSync("/bin/busybox"), mode: 0o755 },
  ...["sh", "ls", "cat", "stat", "readlink"].map((tool) => ({
    name: `bin/${tool}`,
    type: "link" as const,
    linkTo: "busybox",
  })),
  { name: "bin/as-root", content: "x", mode: 0o6755 },
  { name: "bin/ping", content: "ping", mode: 0o755, records: { "SCHILY.xattr.security.capability": NET_RAW } },
  { name: "etc/one", content: "one", modifiedAtS: 1_400_000_000 },
  { name: "etc/two", type: "hard link", linkTo: "etc/one" },
  { name: "etc/outside", type: "link", linkTo: "../../../../etc/hostname" },
  { name: "gone/file", content: "gone" },
  { name: "again/below", content: "below" },
  { name: "hidden/below", content: "below" },
  { name: "hidden/deep/below", content: "below" },
  { name: "home/mine", content: "mine", userId: 1000, groupId: 1001, mode: 0o600 },
  { name: "home/pipe", type: "fifo" },
  { name: "short", content: "long name", records: { path: LONG_NAME } },
  { name: "dev/console", type: "character device", device: [5, 1] },
];
const UPPER: readonly TarEntry[] = [
  { name: ".wh.gone" },
  { name: "hidden/.wh..wh..opq" },
  { name: "hidden/above", content: "above" },
  { name: "etc/.wh.nothing-below" },
  { name: ".wh.again" },
  { name: "again/above", content: "above" },
];

const LOOK = [
  "cat /etc/one /etc/two /hidden/above; echo",
  "ls -A / /hidden /again | grep -v -e dev -e proc -e lib -e usr -e var; cat /gone/file",
  "stat -c '%a %u:%g %Y %h %n' /bin/as-root /etc/one /home/mine /home",
  "readlink /etc/outside; [ /etc/one -ef /etc/two ] && echo linked; [ -p /home/pipe ] && echo pipe",
  `cat /${LONG_NAME}; echo " $COLOUR $PWD"`,
].join("\n");

const EXPECTED = [
  "oneoneabove",
  "/:",
  "again\nbin\netc\nhidden\nhome\nlong",
  "",
  "/again:",
  "above",
  "",
  "/hidden:",
  "above",
  "6755 0:0 0 1 /bin/as-root",
  "644 0:0 1400000000 2 /etc/one",
  "600 1000:1001 0 1 /home/mine",
  "755 0:0 1500000000 2 /home",
  "../../../../etc/hostname",
  "linked",
  "pipe",
  "long name a=b /home",
  "",
].join("\n");

async function look(image: ImageManifest & { id: string }): Promise<string> {
  const sandbox = await suite.port.create(newSpec({ image: `@${image.id}` }));
  const { stdout } = await runInside(sandbox, LOOK);
  await suite.port.remove(sandbox.id);
  return stdout;
}

const CONFIG = { Env: ["COLOUR=a=b"], WorkingDir: "/home", User: null, Entrypoint: null };

const layout = (compression?: "gzip" | "zstd"): Promise<string> =>
  tools.layout({
    layers: [LOWER, UPPER].map((entries) => ({ tarFile: tools.tar(entries), ...(compression && { compression }) })),
    config: CONFIG,
  });

test("an image comes in, goes out and comes in again, and sandboxes see the same each time", async () => {
  const { deps } = tools;
  const first = await importOciLayout(deps, { layoutDir: await layout("gzip"), id: newImageId() });
  expect(first).toMatchObject({
    hasGlibc: false,
    hasBash: false,
    config: { workingDir: "/home", user: "", entrypoint: [] },
  });
  expect(await look(first)).toBe(EXPECTED);
  const exports = [tools.folder(), tools.folder()];
  for (const layoutDir of exports) await exportOciLayout(deps, { image: first, layoutDir });
  const [one, other] = exports.map((dir) => readdirSync(join(dir, "blobs/sha256")).toSorted());
  expect(one).toEqual(other ?? []);

  /* By another store, which knows none of the layers. */
  await using strangers = await ImageTools.open();
  const [layoutDir = ""] = exports;
  const again = await importOciLayout(strangers.deps, { layoutDir, id: newImageId() });
  expect(await treeOf(again, strangers)).toEqual(await treeOf(first, tools));
  expect(again.config).toEqual(first.config);
  const capability = await runCommand(["getcap", join(tools.deps.images.layerDir(first.layers[1] ?? ""), "bin/ping")]);
  expect(capability).toContain("cap_net_raw");
}, 60_000);

/** Everything that can be seen of an image's layers from the host, times in seconds. */
async function treeOf({ layers }: ImageManifest, { deps }: ImageTools): Promise<string[]> {
  const dirs = layers.map((layer) => deps.images.layerDir(layer));
  return Promise.all(
    dirs.map((dir) =>
      runCommand([
        "sh",
        "-c",
        `cd ${dir} && find . -type c -printf '%p deleted\\n' -o -printf '%p %y %m %U:%G %T@ %n %l\\n' | sed 's/\\.[0-9]\\{10\\} / /' | sort; getcap -r .`,
      ]),
    ),
  );
}

test("layers are there once, whoever brings them, in whatever compression, and their own when they come back", async () => {
  const { deps } = tools;
  const images: ImageManifest[] = [];
  for (const compression of ["gzip", "zstd", undefined] as const) {
    images.push(await importOciLayout(deps, { layoutDir: await layout(compression), id: newImageId() }));
  }
  expect(new Set(images.flatMap(({ layers }) => layers)).size).toBe(2);

  const recipe = deps.images.resolve("base-image");
  const layoutDir = tools.folder();
  await exportOciLayout(deps, { image: recipe, layoutDir });
  const back = await importOciLayout(deps, { layoutDir, id: newImageId() });
  expect(back).toMatchObject({ layers: recipe.layers, hasGlibc: true, hasBash: true, config: recipe.config });
}, 120_000);

test("a folder that replaces everything below it hides it, the root folder too", async () => {
  const layers = [LOWER, [{ name: ".wh..wh..opq" }, ...LOWER.slice(0, 10)]];
  const layoutDir = await tools.layout({ layers: layers.map((entries) => ({ tarFile: tools.tar(entries) })) });
  const image = await importOciLayout(tools.deps, { layoutDir, id: newImageId() });
  expect(image.layers).toHaveLength(1);
});
